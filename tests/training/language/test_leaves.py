"""Tying of left biphones: how many leaves there are, and who shares one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.decoding.lexicon.letter_to_sound import PHONEMES
from streamer.training.language.leaves import CLASS_OF_LEFT, count_pairs, shares, tie

N = len(PHONEMES)
NUMBER = {phoneme: i for i, phoneme in enumerate(PHONEMES)}


def _counts(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.floor(np.exp(random.normal(3, 3, (N + 1, N)))).astype(np.int64)


def test_pairs_are_counted_within_each_sentence() -> None:
    counts = count_pairs([[0, 1, 1], [], [1]], 2)
    assert counts.tolist() == [[0, 1], [0, 1], [1, 1]]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 1600))
def test_there_are_at_most_as_many_leaves_as_wanted_but_one_for_each_phoneme(
    seed: int, wanted: int
) -> None:
    leaves = tie(_counts(seed), wanted)
    assert N <= len(leaves) <= max(wanted, N)
    assert leaves.phonemes[leaves.table].tolist() == [list(range(N))] * (N + 1)


def test_nearly_as_many_as_wanted_are_found() -> None:
    for wanted in (100, 300, 600, 1000):
        assert len(tie(_counts(1), wanted)) > 0.9 * wanted


def test_frequent_pairs_are_apart_and_rare_ones_share_by_class() -> None:
    counts = np.zeros((N + 1, N), np.int64)
    counts[NUMBER["AA"], 0] = 1000
    counts[[NUMBER["M"], NUMBER["N"]], 0] = 60
    counts[NUMBER["S"], 0] = counts[NUMBER["Z"], 0] = 30
    counts[NUMBER["P"], 0] = counts[N, 0] = counts[NUMBER["EH"], 0] = 25
    column = tie(counts, N + 4).table[:, 0]
    leaf = {name: int(column[number]) for name, number in NUMBER.items()}
    assert len({leaf[name] for name in ("AA", "M", "N", "S", "P")}) == 5
    assert leaf["S"] == leaf["Z"] == leaf["TH"]
    assert leaf["P"] == leaf["EH"] == leaf["IY"] == leaf["R"] == column[N]
    assert leaf["NG"] == leaf["P"]


def test_what_was_hardly_seen_joins_the_largest_leaf_of_its_class() -> None:
    counts = np.zeros((N + 1, N), np.int64)
    counts[NUMBER["AA"], 0], counts[NUMBER["AE"], 0], counts[NUMBER["S"], 0] = 100, 90, 200
    column = tie(counts, N + 2).table[:, 0]
    assert len(set(column.tolist())) == 3
    assert column[NUMBER["IY"]] == column[NUMBER["AA"]]
    assert column[NUMBER["Z"]] == column[NUMBER["M"]] == column[N] == column[NUMBER["S"]]


@pytest.mark.parametrize("wanted", [N, 300])
def test_the_shares_of_a_phoneme_are_a_distribution(wanted: int) -> None:
    counts = _counts(2)
    leaves = tie(counts, wanted)
    found = shares(counts, leaves)
    assert found.min() > 0
    np.testing.assert_allclose(np.bincount(leaves.phonemes, found), 1)


def test_every_phoneme_has_a_class_of_left() -> None:
    sizes = np.bincount(CLASS_OF_LEFT).tolist()
    assert sizes == [15, 6, 11, 3, 4, 1]
