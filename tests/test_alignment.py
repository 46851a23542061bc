"""Displayed words and the spoken words that they stand for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamer.alignment import align

words = st.lists(st.sampled_from("one two three go 12 home, Home".split()), max_size=8)


def places(displayed: str, spoken: str) -> list[list[int]]:
    return [list(each) for each in align(displayed.split(), spoken.split())]


def test_case_and_marks_do_not_matter() -> None:
    assert places("We went home, too.", "we went home too") == [[0], [1], [2], [3]]


def test_a_number_stands_for_all_its_words() -> None:
    assert places("In 1982 he", "in nineteen eighty two he") == [[0], [1, 2, 3], [4]]
    assert places("3 May", "the third of may") == [[0, 1, 2], [3]]


def test_a_word_that_nobody_said_has_no_place() -> None:
    assert places("I am Ada L.", "i am my name") == [[0], [1], [2], [3]]
    assert places("Hello, Ada", "hello") == [[0], []]


@given(words, words)
def test_places_are_in_order_and_within_what_was_said(shown: list[str], said: list[str]) -> None:
    found = align(shown, said)
    assert len(found) == len(shown)
    place = 0
    for each in found:
        assert place <= each.start <= each.stop <= len(said)
        place = each.stop
