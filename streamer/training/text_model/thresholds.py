"""How ready a tagger is to set a mark: biases that make the F1 of each mark best.

A network trained to be likely sets too few marks where it is not sure; F1 wants as many as belong
there. The biases are found on the development lines of the training, never on held-out text.
"""

from __future__ import annotations

import numpy as np

from streamer.arrays import Array, FloatArray
from streamer.text.tags import MARKS
from streamer.training.text_model.scoring import counted

_STEPS = np.arange(-0.6, 2.01, 0.1, dtype=np.float32)
_ROUNDS = 2
#: Marks that are hardly ever sure stay rare: at most this is added.
_MOST = {"!": 0.5, ":": 0.7}


def best_biases(logits: list[FloatArray], marks: list[Array]) -> FloatArray:
    """Return what to add to the logits of each mark, float32 (marks,).

    Args:
        logits: of texts of several kinds, (n, marks) each; the kinds count the same.
        marks: the right ones, (n,) each.
    """
    bias = np.zeros(len(MARKS), dtype=np.float32)
    for _ in range(_ROUNDS):
        for k in range(1, len(MARKS)):
            steps = _STEPS[_MOST.get(MARKS[k], 2.0) >= _STEPS]
            bias[k] = max(steps, key=lambda step: _quality(logits, marks, bias, k, float(step)))
    return bias


def _quality(
    logits: list[FloatArray], marks: list[Array], bias: FloatArray, k: int, step: float
) -> float:
    trial = bias.copy()
    trial[k] = step
    total = 0.0
    for values, right in zip(logits, marks):
        scores = counted((values + trial).argmax(axis=1), right).marks
        there = [score.there for score in scores[1:]]
        total += sum(s.f1 * n for s, n in zip(scores[1:], there)) / max(1, sum(there))
    return total
