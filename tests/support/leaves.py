"""Leaves for tests."""

from __future__ import annotations

import numpy as np

from streamer.decoding.lexicon.leaves import Leaves


def untied(n_phonemes: int) -> Leaves:
    """Return a leaf for each phoneme, whatever is before it."""
    return Leaves(np.tile(np.arange(n_phonemes), (n_phonemes + 1, 1)))


def random_leaves(random: np.random.Generator, n_phonemes: int, most: int) -> Leaves:
    """Return one leaf up to ``most`` of them for each phoneme, each behind random others."""
    table = np.empty((n_phonemes + 1, n_phonemes), np.int64)
    n_leaves = 0
    for phoneme in range(n_phonemes):
        _, leaf = np.unique(random.integers(0, most, n_phonemes + 1), return_inverse=True)
        table[:, phoneme] = n_leaves + leaf
        n_leaves += int(leaf.max()) + 1
    return Leaves(table)
