"""The arithmetic of the soak test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.soak import RATE_HZ, Alone, Ledger, Placed, Tally, slope
from streamer.events import Word
from streamer.training.data.manifests import Clip


def placed(begin_s: float, end_s: float, transcript: str = "") -> Placed:
    clip = Clip(Path(f"{begin_s}.wav"), transcript, "", "")
    return Placed(round(begin_s * RATE_HZ), round(end_s * RATE_HZ), clip, np.zeros(0, np.float32))


def test_a_word_belongs_to_the_clip_in_which_its_middle_lies() -> None:
    ledger = Ledger()
    for clip in (placed(0, 2), placed(2, 3), placed(3, 5)):
        ledger.add_clip(clip)
    ledger.add_words([Word("a", 0.5, 1, 1.0), Word("b", 1.8, 2.4, 1.0), Word("c", 4, 4.5, 1.0)])
    assert [words for _, words in ledger.settle(3 * RATE_HZ)] == [["a"], ["b"]]
    assert [words for _, words in ledger.settle(5 * RATE_HZ)] == [["c"]]


def test_a_stream_may_begin_later_than_the_playlist() -> None:
    ledger = Ledger(begin=2 * RATE_HZ)
    ledger.add_clip(placed(2, 3))
    ledger.add_words([Word("a", 0.1, 0.4, 1.0)])
    assert [words for _, words in ledger.settle(3 * RATE_HZ)] == [["a"]]


def test_words_are_compared_with_the_transcript_and_with_the_clip_alone() -> None:
    tally = Tally()
    alone = Alone(words=["a", "b", "c", "y"], shifted=["a", "b", "c"])
    tally.add(placed(0, 1, "a b c d"), heard=["a", "x", "c", "d"], alone=alone)
    assert (tally.wrong, tally.wrong_alone, tally.different, tally.words) == (1, 1, 2, 4)
    assert tally.shifted == 1


def test_the_slope_of_a_line_has_no_error_and_that_of_noise_has() -> None:
    hours = [1.0, 2.0, 3.0, 4.0]
    rise, error = slope(hours, [5.0, 7.0, 9.0, 11.0])
    assert (rise, error) == (pytest.approx(2.0), pytest.approx(0.0, abs=1e-9))
    rise, error = slope(hours, [5.0, 6.0, 5.0, 6.0])
    assert abs(rise) < 2 * error
