"""The state of the live view after events."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.events import Event, Final, Gap, Partial
from streamer.terminal.view_state import ViewInfo, ViewState, lines, transcript, undo, update
from tests.support.terminal.terminal_driver import INFO, event_of

EMPTY = ViewState(INFO)


def after(*events: Event, state: ViewState = EMPTY) -> ViewState:
    for event in events:
        state = update(state, event)
    return state


def partial(text: str, segment: int = 0) -> Event:
    return event_of({"partial": {"text": text, "segment": segment}})


def final(text: str, segment: int = 0) -> Event:
    return event_of({"final": {"text": text, "segment": segment}})


def test_a_final_replaces_its_partial() -> None:
    state = after(partial("hello"), final("hello world"))
    assert state.partial is None
    assert transcript(state) == "hello world"


def test_a_partial_after_its_final_is_ignored() -> None:
    assert after(partial("hello"), final("hello"), partial("hello")).partial is None
    assert after(final("hello"), partial("next", 1)).partial is not None


def test_a_final_without_words_only_ends_its_partial() -> None:
    state = after(partial("uh"), final(""))
    assert state.partial is None and state.finals == () and state.pending == ()


def test_undo_removes_a_final_that_is_still_pending() -> None:
    state, undone = undo(after(final("one"), final("two", 1)))
    assert undone is not None and undone.text == "two"
    assert transcript(state) == "one"
    assert [getattr(item, "text", "") for item in state.pending] == ["one"]


def test_undo_of_a_written_final_adds_a_line_to_the_scrollback() -> None:
    written = replace(after(final("one")), pending=())
    state, undone = undo(written)
    assert undone is not None and state.finals == ()
    assert [type(item).__name__ for item in state.pending] == ["Undone"]


def test_undo_without_finals_changes_nothing() -> None:
    assert undo(EMPTY) == (EMPTY, None)


def test_a_transcript_flows_and_its_lines_do_not() -> None:
    said = [final("one"), final("two", 1), final("three", 2)]
    state = after(*(replace(e, join=j) for e, j in zip(said, ("", " ", "\n\n"))))  # type: ignore[type-var]
    assert transcript(state) == "one two\n\nthree"
    assert lines(state) == "one\ntwo\n\nthree"


def test_lost_samples_are_counted_from_gaps_and_stats() -> None:
    state = after(event_of({"gap": {"samples": 800}}), event_of({"gap": {"samples": 200}}))
    assert state.lost_samples == 1000
    assert after(event_of({"stats": {"lost_samples": 1000}}), state=state).lost_samples == 1000
    assert after(event_of({"stats": {"lost_samples": 1500}}), state=state).lost_samples == 1500


def test_the_clip_mark_stays_for_a_while() -> None:
    state = after(event_of({"stats": {"time": 10.0, "clipped": True}}))
    later = after(event_of({"stats": {"time": 11.0}}), state=state)
    much_later = after(event_of({"stats": {"time": 13.0}}), state=later)
    assert later.time < later.clip_until and much_later.time > much_later.clip_until


ANY_EVENT = st.one_of(
    st.builds(partial, st.text(max_size=8), st.integers(0, 5)),
    st.builds(final, st.text(max_size=8), st.integers(0, 5)),
    st.builds(lambda n: event_of({"gap": {"samples": n}}), st.integers(1, 999)),
    st.builds(lambda w: event_of({"warning": {"what": w, "todo": "wait"}}), st.text(max_size=5)),
    st.builds(lambda t: event_of({"stats": {"time": t}}), st.floats(0, 1e4)),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(ANY_EVENT, max_size=20))
def test_every_final_and_gap_is_pending_once_and_in_order(events: list[Event]) -> None:
    state = after(*events)
    to_write = [
        event
        for event in events
        if isinstance(event, Gap) or (isinstance(event, Final) and event.text)
    ]
    assert list(state.pending) == to_write
    assert list(state.finals) == [event for event in to_write if isinstance(event, Final)]
    assert state.partial is None or isinstance(state.partial, Partial)
    assert state.info is EMPTY.info and isinstance(state.info, ViewInfo)
