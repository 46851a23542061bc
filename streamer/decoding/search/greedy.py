"""Greedy search: the most probable label of each frame, for models without a scorer."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from streamer.arrays import FloatArray
from streamer.decoding.alphabet import Alphabet
from streamer.decoding.search.contract import (
    N_GRAM_CONTEXT,
    PROBABILITY_FLOOR,
    Candidate,
    collapse,
    prime_with_letters,
)


class GreedySearch:
    """Best-path decoding of CTC: no language model, no lexicon, a single candidate.

    Args:
        alphabet: the labels.
    """

    name = "greedy"
    append_only = True
    context_words = N_GRAM_CONTEXT

    def __init__(self, alphabet: Alphabet) -> None:
        self._alphabet = alphabet
        self.reset()

    def reset(self) -> None:
        """Start a new utterance."""
        self._labels: list[int] = []
        self._score = 0.0

    def new_stream(self) -> GreedySearch:
        """Return the same search for another stream; see `Search.new_stream`."""
        search = copy.copy(self)
        search.reset()
        return search

    def feed(self, probabilities: FloatArray) -> None:
        """Process the next frames: float32 (n, n_labels)."""
        letters = probabilities[:, : len(self._alphabet) + 1]
        self._labels.extend(letters.argmax(axis=1).tolist())
        best = letters.max(axis=1).astype(np.float64)
        self._score += float(np.log(np.maximum(best, PROBABILITY_FLOOR)).sum())

    def prime(self, words: Sequence[str]) -> int:
        """Set the words that come before the first frame; see `Search.prime`."""
        return prime_with_letters(self, self._alphabet, words)

    def finish(self) -> None:
        """Do nothing: no word is ever incomplete."""

    def candidates(self, n: int) -> list[Candidate]:
        """Return the only candidate."""
        return [collapse(self._score, self._labels, self._alphabet)]

    def is_word(self, letters: str) -> bool:
        """Return True: without a lexicon any letters are a word."""
        return True
