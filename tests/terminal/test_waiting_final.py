"""The last final waits in the live region: for its mark, to be undone, to be edited."""

from __future__ import annotations

import io
import threading
from dataclasses import replace

import pytest

from streamer.events import Close
from streamer.terminal import live_view
from streamer.terminal.drawing.layout import layout_of
from streamer.terminal.drawing.theme import make_theme
from streamer.terminal.drawing.typesetter import Typesetter
from streamer.terminal.live_view import LiveView
from streamer.terminal.view_model import ViewModel
from streamer.terminal.view_state import ViewState, transcript
from tests.support.events import final
from tests.support.terminal.terminal_driver import INFO


def test_a_final_goes_to_the_scrollback_with_its_mark() -> None:
    model = ViewModel(ViewState(INFO))
    one, two = final("We went home"), final("and stayed", segment=1, join=", ")
    model.receive(one)
    state = model.take()
    assert (state.pending, state.held) == ((), (one,))
    model.receive(two)
    assert model.take().pending == (one.marked(","),)
    model.receive(Close(1, 2, 3.0, "."))
    assert model.take().held == (two.marked("."),)
    assert model.take(ending="").pending == (two.marked("."),)
    assert transcript(model.state) == "We went home, and stayed."


def test_at_the_end_nothing_waits() -> None:
    model = ViewModel(ViewState(INFO))
    model.receive(final("hello"))
    assert model.take(ending="").pending == (final("hello"),)


def test_a_final_that_waits_can_be_undone() -> None:
    model = ViewModel(ViewState(INFO))
    model.receive(final("hello"))
    model.undo()
    model.receive(Close(0, 1, 2.0, "."))
    assert model.take().pending == ()


def test_words_on_the_screen_are_already_kept_in_case_the_program_dies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log: list[str] = []
    shown = threading.Event()

    class Terminal(io.StringIO):
        encoding = "utf-8"

        def write(self, text: str) -> int:
            log.append(text)
            if "hello" in text:
                shown.set()
            return len(text)

    class Restorer:
        def __init__(self, fd: int) -> None: ...
        def watch(self) -> None: ...
        def dismiss(self) -> None: ...
        def keep(self, words: str) -> None:
            log.append(f"kept: {words}")

    monkeypatch.setattr(live_view, "TtyRestorer", Restorer)
    monkeypatch.setattr(live_view, "descriptor", lambda _: 2)
    monkeypatch.setattr(live_view, "is_terminal", lambda _: True)
    with LiveView(INFO, file=Terminal()) as view:
        view.write(final("hello"))
        assert shown.wait(60)
    first = next(number for number, text in enumerate(log) if "hello" in text)
    assert log[first] == "kept: hello"


def test_what_is_kept_is_what_the_scrollback_lacks() -> None:
    setter, layout = Typesetter(make_theme("neutral", 0)), layout_of(20)
    model = ViewModel(ViewState(INFO))
    model.receive(final("one two three four five"))
    model.receive(final("six", segment=1))
    state = model.take()
    assert setter.final_words(state) == "one two three four five six"
    setter.scroll(state.pending, state, layout)
    assert setter.final_words(replace(state, pending=())) == "four five six"
