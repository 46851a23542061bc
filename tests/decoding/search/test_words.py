"""Words by number, and the letters that spell them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.decoding import Alphabet
from streamer.decoding.search.base_vocabulary import Words
from streamer.decoding.search.units import LetterUnits

SORTED = ["a", "naïve", "the", "weiß", "日本"]


@given(st.integers(-9, 9), st.integers(-9, 9), st.sampled_from([-2, -1, 1, 2]))
def test_packed_words_are_read_like_a_list(begin: int, end: int, step: int) -> None:
    both = [*SORTED, "zorblax", "ada"]
    words = Words.of(SORTED).with_others(["zorblax", "ada"])
    assert list(words) == both
    assert words[begin:end:step] == both[begin:end:step]


def test_every_word_has_its_number_and_others_have_none() -> None:
    words = Words.of(SORTED).with_others(["zorblax"])
    assert [words.number(word) for word in [*SORTED, "zorblax"]] == list(range(6))
    assert words.number("th") is None and words.number("thee") is None


def test_a_label_of_several_letters_is_one_token() -> None:
    units = LetterUnits(Alphabet([" ", "c", "h", "ch", "a"]))
    assert units.token_sequences("cha") == [[3, 4, 0]]
    assert units.token_sequences("hac") == [[2, 4, 1, 0]]
    with pytest.raises(KeyError, match="chat"):
        units.token_sequences("chat")


def test_a_letter_that_is_not_a_label_is_a_missing_key() -> None:
    with pytest.raises(KeyError, match="b"):
        LetterUnits(Alphabet([" ", "a"])).token_sequences("ab")
