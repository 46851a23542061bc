"""The likeliest letter of each frame: for models that come without a scorer."""

from __future__ import annotations

from typing import List

import numpy as np

from streamer.decoding.alphabet import Alphabet
from streamer.decoding.decoder import FloatArray
from streamer.decoding.search import Path, collapse

#: Below this a probability counts as this much, so that its logarithm is finite.
_FLOOR = 1e-30


class GreedySearch:
    """Best-path decoding of CTC: no language model, no lexicon, one hypothesis.

    Args:
        alphabet: the labels.
    """

    name = "greedy"
    certain = True

    def __init__(self, alphabet: Alphabet) -> None:
        self._alphabet = alphabet
        self.begin()

    def begin(self) -> None:
        """Forget everything."""
        self._labels: List[int] = []
        self._score = 0.0

    def step(self, probabilities: FloatArray) -> None:
        """Take the next frames: float32 (n, n_labels)."""
        self._labels.extend(probabilities.argmax(axis=1).tolist())
        best = probabilities.max(axis=1).astype(np.float64)
        self._score += float(np.log(np.maximum(best, _FLOOR)).sum())

    def end(self) -> None:
        """Nothing is left to complete."""

    def paths(self, n: int) -> List[Path]:
        """Return the one hypothesis there is."""
        text, frames = collapse(self._labels, self._alphabet)
        return [Path(self._score, text, frames)]

    def is_word(self, letters: str) -> bool:
        """Any letters are a word to a search without a lexicon."""
        return True
