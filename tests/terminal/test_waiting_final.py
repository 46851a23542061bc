"""The last final waits in the live region: for its mark, to be undone, to be edited."""

from __future__ import annotations

from streamer.events import Close
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
