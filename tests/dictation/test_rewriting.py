"""Dictation on events: what finals display, and the edits that write the text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.dictation import EventRewriter, PlainEdits, load_commands
from streamer.events import Close, Event, Final
from streamer.output import Edit
from streamer.text.casings import Casings
from streamer.text.model import TextModel
from streamer.text.written import WrittenForm
from tests.support.events import any_event, final, partial, spoken, stats

MODEL = TextModel(Casings(["France", "London"]))
FIND = load_commands().find


def rewriter(paragraphs: bool = True) -> EventRewriter:
    return EventRewriter(WrittenForm(MODEL), FIND, paragraphs)


def written(*said: str, end: bool = True) -> str:
    """Return the text that the edits of utterances 1 s apart give."""
    dictation = rewriter()
    text = ""
    start = 0.0
    items: list[Event | Edit] = []
    for segment, line in enumerate(said):
        event = spoken(line, segment, start)
        start = event.end + 1.0
        items += dictation.rewrite(event)
    if end:
        items += dictation.rewrite(Close(len(said) - 1, 99, start, ""))
    for item in items:
        if isinstance(item, Edit):
            text = item.apply(text)
    return text


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (("the capital of france",), "The capital of France."),
        (("his colon was inflamed", "period"), "His colon was inflamed."),
        (("hello | comma | how are you question mark",), "Hello, how are you?"),
        (("twenty four cats | new line | two dogs",), "24 cats\nTwo dogs."),
        (("one | period", "two three", "scratch that", "four"), "One. Four."),
        (("we saw london", "delete last word", "paris | exclamation mark"), "We saw paris!"),
        (("he said | open quote | yes | close quote",), 'He said "yes".'),
        (("stop | literal comma | now",), "Stop comma now."),
    ],
)
def test_what_is_dictated(said: tuple[str, ...], text: str) -> None:
    assert written(*said) == text


def test_the_sentence_stays_open_until_it_is_closed() -> None:
    assert written("we went home", end=False) == "We went home"


def test_words_stay_as_spoken_and_display_is_what_was_written() -> None:
    dictation = rewriter()
    one, _ = dictation.rewrite(spoken("dear john | comma | new line | hello"))
    assert isinstance(one, Final)
    assert one.text == one.stable == "dear john comma new line hello"
    assert (one.join, one.display) == ("", "Dear john,\nHello")
    two, _ = dictation.rewrite(spoken("comma", 1))
    assert isinstance(two, Final)
    assert (two.text, two.join, two.display) == ("comma", ",", "")
    gone, edit = dictation.rewrite(spoken("scratch that", 2))
    assert isinstance(gone, Final) and isinstance(edit, Edit)
    assert edit == Edit(2, 1, "")


def test_a_close_writes_the_mark_that_is_missing() -> None:
    dictation = rewriter()
    dictation.rewrite(spoken("hello"))
    close = Close(0, 1, 3.0, "?")
    assert dictation.rewrite(close) == [Close(0, 1, 3.0, "."), Edit(0, 0, ".")]
    assert dictation.rewrite(close) == [Close(0, 1, 3.0, "")]


def test_of_a_partial_nothing_is_stable() -> None:
    (event,) = rewriter().rewrite(partial("new", "new"))
    assert (event.text, event.stable, event.display_stable) == ("new", "new", "")  # type: ignore


def test_a_typed_text_has_no_paragraphs_of_its_own() -> None:
    for paragraphs, text in ((True, "One.\n\nTwo"), (False, "One. Two")):
        dictation = rewriter(paragraphs)
        got = ""
        for event in (spoken("one"), Close(0, 1, 2.0, ""), spoken("two", 1, 9.0)):
            for item in dictation.rewrite(event):
                got = item.apply(got) if isinstance(item, Edit) else got
        assert got == text


def test_stop_listening_ends_and_the_rest_is_not_written() -> None:
    dictation = rewriter()
    dictation.rewrite(spoken("one | stop listening | two"))
    assert dictation.stop_requested


@given(st.lists(any_event, max_size=5))
def test_without_dictation_events_stay_as_they_are(events: list[Event]) -> None:
    plain = PlainEdits()
    for event in events:
        assert plain.rewrite(event)[0] is event
    assert not plain.stop_requested


def test_without_dictation_edits_write_finals_marks_and_no_line_breaks() -> None:
    text = ""
    events = (
        final("we went home"),
        final("and stayed", join=", "),
        Close(1, 2, 3.0, "."),
        final("they left", join="\n\n"),
        stats(),
    )
    for event in events:
        for item in PlainEdits().rewrite(event):
            text = item.apply(text) if isinstance(item, Edit) else text
    assert text == "we went home, and stayed. they left"


SAID = st.lists(
    st.sampled_from(
        "one two | comma period scratch that new line delete last word capital".split()
    ),
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(SAID, max_size=4))
def test_joins_displays_and_edits_agree_as_long_as_nothing_is_deleted(
    said: list[list[str]],
) -> None:
    dictation = rewriter()
    text = shown = ""
    for segment, line in enumerate(said):
        event, *edits = dictation.rewrite(spoken(" ".join(line), segment, 10.0 * segment))
        assert isinstance(event, Final)
        for edit in edits:
            assert isinstance(edit, Edit)
            text = edit.apply(text)
            if edit.delete:
                return
        shown += event.join + event.display
        assert text == shown
