"""The likeliest letter of each frame: for models that come without a scorer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.arrays import FloatArray
from streamer.decoding.alphabet import Alphabet
from streamer.decoding.search.contract import (
    N_GRAM_CONTEXT,
    Candidate,
    collapse,
    prime_with_letters,
)

#: Below this a probability counts as this much, so that its logarithm is finite.
_FLOOR = 1e-30


class GreedySearch:
    """Best-path decoding of CTC: no language model, no lexicon, one hypothesis.

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
        """Forget everything."""
        self._labels: list[int] = []
        self._score = 0.0

    def feed(self, probabilities: FloatArray) -> None:
        """Take the next frames: float32 (n, n_labels)."""
        letters = probabilities[:, : len(self._alphabet) + 1]
        self._labels.extend(letters.argmax(axis=1).tolist())
        best = letters.max(axis=1).astype(np.float64)
        self._score += float(np.log(np.maximum(best, _FLOOR)).sum())

    def prime(self, words: Sequence[str]) -> int:
        """Stand where it would stand after words."""
        return prime_with_letters(self, self._alphabet, words)

    def finish(self) -> None:
        """Nothing is left to complete."""

    def candidates(self, n: int) -> list[Candidate]:
        """Return the one hypothesis there is."""
        return [collapse(self._score, self._labels, self._alphabet)]

    def is_word(self, letters: str) -> bool:
        """Any letters are a word to a search without a lexicon."""
        return True
