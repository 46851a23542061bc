"""Validity checks of samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.arrays import FloatArray
from streamer.errors import UsageError

#: Recordings of floats may exceed full scale, and some are scaled like 16-bit
#: integers; anything beyond this (150 dB over full scale) is not valid audio.
LARGEST_SAMPLE = 3e7


def as_mono(samples: Any) -> NDArray[Any]:
    """Return samples as an array (n,) of any type.

    Raises:
        UsageError: they are not an array, or not mono.
    """
    array = np.asarray(samples)
    if array.ndim == 0:
        raise UsageError(
            f"samples of type {type(samples).__name__} are not an array",
            "give a NumPy array; for bytes: numpy.frombuffer(data, '<i2')",
        )
    if array.ndim != 1:
        raise UsageError(f"samples of shape {array.shape} are not mono", "give one dimension")
    return array


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
