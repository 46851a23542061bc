"""The state that the threads of the live view share."""

from __future__ import annotations

from dataclasses import replace

from streamer.events import Event, Notice
from streamer.terminal.view_model import (
    LEGEND,
    LEGEND_S,
    MESSAGE_S,
    NOTICE_S,
    SPINNER_PER_S,
    ViewModel,
)
from streamer.terminal.view_state import Farewell, Note, ViewInfo, ViewState
from tests.support.events import final, partial
from tests.support.terminal.terminal_driver import event_of

INFO = ViewInfo("microphone", 16_000, "english", "onnx", "CPU")


def stats() -> Event:
    return event_of({"stats": {}})


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
    assert model.take().pending == (final("one"), Note("a line"))  # so nothing is held back
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


def test_what_underlining_means_is_said_once_with_the_first_marked_word() -> None:
    unsure = event_of({"final": {"text": "hell there", "words": [["hell", 0, 1, 0.2]]}})
    growing = event_of({"partial": {"text": "hell", "words": [["hell", 0, 1, 0.2]]}})
    clock = Clock()
    model = ViewModel(ViewState(INFO), clock=clock)
    model.receive(final("so sure"))
    model.receive(growing)  # grey, not marked
    assert model.take().message is None
    model.receive(replace(growing, stable="hell"))  # its written form may still change
    assert model.take().message is None
    model.receive(replace(growing, stable="hell", display_stable="hell"))
    assert model.take().message == LEGEND
    clock.now = LEGEND_S
    model.receive(unsure)
    assert model.take().message is None

    off = ViewModel(ViewState(INFO, marks=False), clock=clock)
    off.receive(unsure)
    assert off.take().message is None


def test_latency_on_the_screen_is_known_once_words_have_been_drawn() -> None:
    clock = Clock()
    model = ViewModel(ViewState(INFO), clock=clock)
    model.receive(replace(partial("hel"), latency_ms=100.0))
    assert model.on_screen_ms is None
    clock.now = 0.05
    model.drawn()
    assert model.on_screen_ms == (150.0, 150.0)


def test_the_last_final_is_held_until_the_next_one_or_the_end() -> None:
    model = ViewModel(ViewState(INFO))
    one, two = final("one"), final("two", segment=1)
    model.receive(one)
    assert (model.take().pending, model.take().held) == ((), (one,))
    model.receive(two)
    state = model.take()
    assert (state.pending, state.held) == ((one,), (two,))
    assert model.take(ending="2 lines").pending == (two, Farewell("2 lines"))


def test_the_spinner_turns_only_while_loading() -> None:
    clock = Clock()
    model = ViewModel(ViewState(INFO, loading=True), clock=clock)
    model.take()
    clock.now = 1 / SPINNER_PER_S
    assert model.needs_drawing and model.take().spinner == 1
    assert not model.needs_drawing
    model.loaded(INFO)
    clock.now = 9.0
    model.take()
    clock.now = 10.0
    assert not model.needs_drawing


def test_a_warning_can_be_read_even_if_there_is_sound_at_once() -> None:
    clock = Clock()
    model = ViewModel(ViewState(INFO), clock=clock)
    model.receive(Notice(0, 0.0, "behind", "wait"))
    model.receive(stats())
    assert model.state.notice is not None
    clock.now = NOTICE_S
    model.receive(stats())
    assert model.state.notice is None
