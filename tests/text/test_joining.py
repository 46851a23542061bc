"""Sentences go on across utterances, and nothing that was written is taken back."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from streamer.text.joining import PARAGRAPH, Sentences


def test_the_first_utterance_begins_with_nothing() -> None:
    sentences = Sentences()
    assert sentences.begin() == ""
    assert sentences.begins


def test_a_breath_gives_no_full_stop() -> None:
    sentences = Sentences()
    sentences.end()
    assert not sentences.begins
    assert sentences.begin("") == " "
    assert sentences.begin(",") == ", "
    assert sentences.begin("?") == "? "


def test_silence_closes_the_sentence_once() -> None:
    sentences = Sentences()
    assert sentences.close(".") == ""
    sentences.end()
    assert sentences.close("?") == "?"
    assert sentences.close("?") == ""
    assert sentences.begins


def test_after_a_closed_sentence_no_mark_is_written_again() -> None:
    sentences = Sentences()
    sentences.end()
    sentences.close(".")
    assert sentences.begin(",") == " "


def test_a_long_pause_begins_a_paragraph() -> None:
    sentences = Sentences()
    sentences.end()
    assert sentences.begin("", silence_s=10.0) == " "  # in the middle of a sentence it does not
    sentences.close(".")
    assert sentences.begin("", silence_s=10.0) == PARAGRAPH
    assert sentences.begin("", silence_s=2.0) == " "


def test_a_spoken_mark_replaces_the_automatic_one() -> None:
    sentences = Sentences()
    sentences.end()
    sentences.continue_after("dear john,")
    assert sentences.begin(".") == " "
    assert not sentences.begins
    assert sentences.close(".") == ""
    sentences.continue_after("done.")
    assert sentences.begins
    sentences.continue_after("done.\n")
    assert sentences.begin() == ""


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from(["", ",", ".", "?", "!", ":"])),
        st.tuples(st.just("close"), st.sampled_from([".", "?", "!"])),
    ),
    max_size=12,
)


@given(STEPS)
def test_what_is_written_is_well_formed(steps: list[tuple[str, str]]) -> None:
    sentences = Sentences()
    text = ""
    for step, mark in steps:
        if step == "say":
            text += sentences.begin(mark) + "words"
            sentences.end()
        else:
            text += sentences.close(mark)
    text += sentences.close(".")
    assert re.fullmatch(r"(words([,.?!:]? words)*[.?!])?", text)
