"""Rows of words: what is ahead of a word is what the stream would know of it."""

from __future__ import annotations

import numpy as np

from streamer.text.tags import MARKS, Case
from streamer.text.vocabulary import END, MORE, Vocabulary
from streamer.training.text_model.batches import Sampler
from streamer.training.text_model.corpus import NO_CASE, Words, count_surfaces, encode, tokens

LINES = [f"So we went on to place {word}, and then stopped. Why?" for word in "abcdefghij"] * 20
VOCABULARY = Vocabulary("so we went on to place and then stopped why".split() + list("abcdefghij"))
NUMBERS = (VOCABULARY.number, VOCABULARY.ending)
LOOK_AHEAD = 3
ROW_WORDS = 16


def words() -> Words:
    return encode(LINES, VOCABULARY, set())


def sampler(seed: int = 0) -> Sampler:
    return Sampler([words()], [1.0], ROW_WORDS, LOOK_AHEAD, VOCABULARY.endings(), seed)


def test_a_row_begins_with_a_sentence() -> None:
    batch = sampler().batch(50)
    known = {number(word) for word in ("so", "why") for number in NUMBERS}
    assert set(batch.numbers[:, 0].tolist()) <= known


def test_ahead_are_the_words_that_follow_or_nothing() -> None:
    batch = sampler().batch(50)
    for k in range(1, LOOK_AHEAD + 1):
        ahead = batch.ahead[:, : ROW_WORDS - k, k - 1]
        there = batch.numbers[:, k:]
        known = (ahead != END) & (ahead != MORE)
        assert np.array_equal(ahead[known], there[known])
        assert known.mean() > 0.3
    # Behind a word that is not known no other one is.
    hidden = (batch.ahead == END) | (batch.ahead == MORE)
    assert not (hidden[:, :, :-1] & ~hidden[:, :, 1:]).any()


def test_half_of_the_rows_have_no_pauses() -> None:
    pauses = sampler().batch(400).pauses
    silent = (pauses[:, :, 0] == 0).all(axis=1)
    assert 0.35 < silent.mean() < 0.65
    assert (pauses[silent] == 0).all()
    assert (pauses[~silent][:, :, 1] >= 0).all()


def test_the_same_seed_draws_the_same_rows() -> None:
    one, other = sampler(7).batch(5), sampler(7).batch(5)
    assert np.array_equal(one.numbers, other.numbers)
    assert np.array_equal(one.pauses, other.pauses)


def test_tokens() -> None:
    said = list(tokens("Who? he asked ^Bill. Yes, McDonald"))
    assert [token.surface for token in said] == ["Who", "he", "asked", "Bill", "Yes", "McDonald"]
    assert [MARKS[token.mark] for token in said] == ["?", "", "", ".", ",", ""]
    assert [token.begins for token in said] == [True, False, False, False, True, False]
    assert [token.unsure for token in said] == [False, False, False, True, False, False]


def test_cases_are_learnt_where_they_say_something() -> None:
    encoded = encode(["We saw NATO in Rome. Rome is NOT ^Big."], VOCABULARY, {"not"})
    lower, capital, upper = (case.value for case in Case)
    assert encoded.cases.tolist() == [
        NO_CASE, lower, upper, lower, capital, NO_CASE, lower, NO_CASE, NO_CASE,
    ]  # fmt: skip


def test_surfaces_are_counted_inside_of_sentences() -> None:
    counts = count_surfaces(["Rome was great. Rome? Rome, I love Rome."])
    assert counts["rome"] == {"Rome": 1}
