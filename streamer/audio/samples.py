"""Validity check of samples."""

from __future__ import annotations

import numpy as np

from streamer.arrays import FloatArray

#: Recordings of floats may exceed full scale, and some are scaled like 16-bit
#: integers; anything beyond this (150 dB over full scale) is not valid audio.
LARGEST_SAMPLE = 3e7


def first_bad_frame(frames: FloatArray) -> int | None:
    """Return the index of the first frame that is NaN, infinite or enormous; None without one.

    Args:
        frames: float32 (n, channels) or (n,).
    """
    with np.errstate(invalid="ignore"):
        good = np.abs(frames) <= LARGEST_SAMPLE  # false for NaN
    if good.all():
        return None
    per_frame = good.reshape(len(frames), -1).all(axis=1)
    return int(np.argmin(per_frame))
