"""Scores and thresholds of marks."""

from __future__ import annotations

import numpy as np
import pytest

from streamer.text.tags import MARKS
from streamer.training.text_model.scoring import Score, counted
from streamer.training.text_model.thresholds import best_biases


def test_f1_is_the_mean_of_precision_and_recall() -> None:
    assert Score(right=2, said=4, there=2).f1 == pytest.approx(2 * 0.5 * 1 / 1.5)
    assert Score(0, 0, 0).f1 == 0


def test_marks_are_counted_one_by_one() -> None:
    scores = counted(np.array([0, 1, 2, 2]), np.array([0, 2, 2, 1])).marks
    assert (scores[2].right, scores[2].said, scores[2].there) == (1, 2, 2)


def test_a_shy_mark_is_encouraged() -> None:
    logits = np.zeros((100, len(MARKS)), dtype=np.float32)
    logits[:, 0] = 1
    logits[:50, 2] = 0.5  # a full stop belongs there, but none is a little likelier
    marks = np.repeat([2, 0], 50)
    bias = best_biases([logits], [marks])
    assert counted((logits + bias).argmax(axis=1), marks).marks[2].f1 == 1
