"""From recognised words to written text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.dictation import DictationFormatter, EventRewriter, PlainFormatter, load_commands
from streamer.output import Edit
from tests.support.events import final, partial, stats

TABLE = load_commands()


def dictated(*finals: str) -> str:
    formatter = DictationFormatter(TABLE)
    text = ""
    for segment, said in enumerate(finals):
        text = formatter.feed(segment, said).edit.apply(text)
    return text


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("hello world comma how are you question mark", "Hello world, how are you?"),
        ("stop exclamation mark who exclamation point me colon no", "Stop! Who! Me: no"),
        ("i think i'm right and i'll say so in it", "I think I'm right and I'll say so in it"),
        ("one new line two new paragraph three", "One\nTwo\n\nThree"),
        ("he said comma open quote yes close quote comma and left", 'He said, "yes", and left'),
        ("open quote yes period close quote he left", '"Yes." He left'),
        ("open bracket see close bracket done", "(See) done"),
        ("meet capital bob and all caps nasa people", "Meet Bob and NASA people"),
        ("the literal period literal new line", "The period new line"),
        ("one two delete last word three", "One three"),
        ("one comma delete last word two", "Two"),
        ("one two scratch that three", "Three"),
        ("delete last word scratch that", ""),
        ("new new line", "New\n"),
        ("", ""),
    ],
)
def test_an_utterance(said, text):
    assert dictated(said) == text


@pytest.mark.parametrize(
    ("finals", "text"),
    [
        (("hello", "world", "period", "next"), "Hello world. Next"),
        (("one period", "two", "scratch that", "three"), "One. Three"),
        (("one", "two", "scratch that", "scratch that", "scratch that", "three"), "Three"),
        (("one", "two", "scratch that scratch that three"), "Three"),
        (("one", "two three", "delete last word", "four"), "One two four"),
        (("one", "two", "delete last word delete last word five", "scratch that"), ""),
        (("one", "two", "delete last word three", "scratch that"), "One"),
        (("open quote", "yes", "close quote", "no"), '"Yes" no'),
        (("one new line", "two"), "One\nTwo"),
        (("", "one", "", "two"), "One two"),
    ],
)
def test_utterances_in_a_row(finals, text):
    assert dictated(*finals) == text


def test_scratch_that_deletes_the_previous_final():
    formatter = DictationFormatter(TABLE)
    formatter.feed(0, "keep this period")
    assert formatter.feed(1, "not this").edit == Edit(1, 0, " Not this")
    assert formatter.feed(2, "scratch that").edit == Edit(2, 9, "")


def test_stop_listening_ends_the_utterance():
    formatter = DictationFormatter(TABLE)
    stopped = formatter.feed(0, "good bye period stop listening and more")
    assert (stopped.text, stopped.stop) == ("Good bye.", True)


_said = st.lists(st.sampled_from([*TABLE.commands, "i", "a", "b c", "it's"]), max_size=12).map(
    " ".join
)


@settings(max_examples=100, deadline=None)
@given(st.lists(_said, max_size=8))
def test_the_edits_always_give_the_text_of_the_formatter(finals: list[str]):
    formatter = DictationFormatter(TABLE)
    text = ""
    for segment, said in enumerate(finals):
        edit = formatter.feed(segment, said).edit
        assert 0 <= edit.delete <= len(text)
        text = edit.apply(text)
        assert text == formatter.text
        assert not text.startswith(" ")
        assert "  " not in text


@settings(max_examples=50, deadline=None)
@given(st.lists(_said, max_size=6))
def test_scratching_every_utterance_leaves_nothing(finals: list[str]):
    formatter = DictationFormatter(TABLE)
    for segment, said in enumerate(finals):
        formatter.feed(segment, said)
    for _ in finals:
        formatter.feed(0, "scratch that")
    assert formatter.text == ""


def test_plain_text_is_joined_by_spaces_and_otherwise_unchanged():
    formatter = PlainFormatter()
    text = ""
    for said in ("hello comma", "", "i say"):
        text = formatter.feed(0, said).edit.apply(text)
    assert text == "hello comma i say"


def test_finals_are_rewritten_and_keep_their_words():
    session = EventRewriter(DictationFormatter(TABLE))
    first = final("hello period")
    rewritten, edit = session.rewrite(first)
    assert (rewritten.text, rewritten.stable) == ("Hello.", "Hello.")
    assert rewritten.words == first.words
    assert edit == Edit(0, 0, "Hello.")
    assert not session.stop_requested
    assert session.rewrite(final("stop listening"))[0].text == ""
    assert session.stop_requested
    assert session.rewrite(stats()) == [stats()]


def test_no_partial_is_stable_while_words_may_become_commands():
    assert EventRewriter(DictationFormatter(TABLE)).rewrite(partial("new li", "new")) == [
        partial("new li", "")
    ]
    kept = partial("new li", "new")
    assert EventRewriter(PlainFormatter(), changes_words=False).rewrite(kept) == [kept]
