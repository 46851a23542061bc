"""Level of a signal in dB of full scale."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from streamer.arrays import FloatArray

#: Samples at this level or above count as clipped.
CLIP_LEVEL = 32767.0 / 32768.0

#: Level of digital silence, instead of minus infinity.
FLOOR_DBFS = -100.0


class Level(NamedTuple):
    """Level over some time.

    Attributes:
        level_dbfs: root mean square, in dB of full scale.
        peak_dbfs: largest sample, in dB of full scale.
        clipped: whether a sample reached full scale.
    """

    level_dbfs: float
    peak_dbfs: float
    clipped: bool


class LevelMeter:
    """Measures the level between two calls of `take`."""

    def __init__(self) -> None:
        self._energy = 0.0
        self._peak = 0.0
        self._count = 0

    def feed(self, samples: FloatArray) -> None:
        """Take samples, float32 (n,), n > 0."""
        self._energy += float(np.sum(np.square(samples, dtype=np.float64)))
        self._peak = max(self._peak, float(np.max(np.abs(samples))))
        self._count += len(samples)

    def take(self) -> Level:
        """Return the level since the last call, and start over."""
        mean = self._energy / self._count if self._count else 0.0
        level = Level(_decibel(math.sqrt(mean)), _decibel(self._peak), self._peak >= CLIP_LEVEL)
        self._energy, self._peak, self._count = 0.0, 0.0, 0
        return level


def _decibel(amplitude: float) -> float:
    return max(FLOOR_DBFS, 20.0 * math.log10(amplitude)) if amplitude > 0.0 else FLOOR_DBFS
