"""The state that the threads of the live view share."""

from __future__ import annotations

from dataclasses import replace

from streamer.terminal.view_model import MESSAGE_S, ViewModel
from streamer.terminal.view_state import Note, ViewInfo, ViewState
from tests.support.events import final, partial

INFO = ViewInfo("microphone", 16_000, "english", "onnx", "CPU")


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_pending_items_are_taken_once_and_then_there_is_nothing_to_draw() -> None:
    model = ViewModel(ViewState(INFO))
    model.receive(final("one"))
    model.add_line("a line")
    assert model.needs_drawing
    assert model.take().pending == (final("one"), Note("a line"))
    assert model.take().pending == () and not model.needs_drawing


def test_finals_that_others_print_are_not_pending_but_count() -> None:
    model = ViewModel(ViewState(INFO), keep_finals=False)
    model.receive(final("one"))
    assert model.state.pending == () and model.state.finals == (final("one"),)


def test_a_message_expires_and_that_needs_drawing() -> None:
    clock = Clock()
    model = ViewModel(ViewState(INFO), clock=clock)
    model.say("saved")
    assert model.take().message == "saved" and not model.needs_drawing
    clock.now = MESSAGE_S
    assert model.needs_drawing and model.take().message is None


def test_latency_on_the_screen_is_known_once_words_have_been_drawn() -> None:
    clock = Clock()
    model = ViewModel(ViewState(INFO), clock=clock)
    model.receive(replace(partial("hel"), latency_ms=100.0))
    assert model.on_screen_ms is None
    clock.now = 0.05
    model.drawn()
    assert model.on_screen_ms == (150.0, 150.0)
