"""What samples are, and which of them are none."""

from __future__ import annotations

import numpy as np

from streamer.arrays import FloatArray

#: Recordings of floats may exceed full scale, and some are scaled as 16-bit
#: integers are; beyond this (150 dB over full scale) it is no sound.
LARGEST_SAMPLE = 3e7


def first_bad_frame(frames: FloatArray) -> int | None:
    """The index of the first frame that is no sound: NaN, infinite or enormous.

    Args:
        frames: float32 (n, channels) or (n,).

    Returns:
        The index; None where all frames are sound.
    """
    with np.errstate(invalid="ignore"):
        good = np.abs(frames) <= LARGEST_SAMPLE  # false for NaN
    if good.all():
        return None
    per_frame = good.reshape(len(frames), -1).all(axis=1)
    return int(np.argmin(per_frame))
