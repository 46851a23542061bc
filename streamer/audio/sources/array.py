"""Samples in memory as a source."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from streamer.arrays import FloatArray
from streamer.audio.sources.source import FrameStream
from streamer.errors import AudioError

#: Frames per `read`: half a second at 16 kHz.
BLOCK_SAMPLES = 8192


class ArraySource:
    """Samples in memory.

    Args:
        samples: (n,) mono or (n, channels); floats with full scale 1, or
            16-bit integers.
        rate_hz: their rate.
        name: for display.
        block_samples: frames per `read`.

    Raises:
        AudioError: the samples have another shape or type.
    """

    live = False
    lost = 0
    delay_s = 0.0

    def __init__(
        self,
        samples: npt.NDArray[Any],
        rate_hz: float,
        name: str = "samples",
        block_samples: int = BLOCK_SAMPLES,
    ) -> None:
        frames = as_frames(samples)
        self._frames = frames
        self._block_samples = block_samples
        self._rate_hz = rate_hz
        self._position = 0
        self._stream: FrameStream | None = None
        self.name = name
        self.seconds: float | None = len(frames) / rate_hz

    def open(self, rate_hz: int) -> None:
        """Start at the first sample; may be called again after `close`."""
        self._position = 0
        self._stream = FrameStream(self._next_frames, self.name, self._rate_hz, rate_hz)

    def read(self) -> FloatArray | None:
        """Return the next samples; None at the end."""
        return self._stream.read() if self._stream else None

    def stop(self) -> None:
        """Make `read` reach its end soon; may be called by any thread."""
        self._position = len(self._frames)

    def close(self) -> None:
        """Close the source; may be called twice."""
        self._stream = None

    def _next_frames(self) -> FloatArray | None:
        if self._position >= len(self._frames):
            return None
        frames = self._frames[self._position : self._position + self._block_samples]
        self._position += len(frames)
        return frames


def as_frames(samples: npt.NDArray[Any]) -> FloatArray:
    """Convert samples to float32 frames.

    Args:
        samples: (n,) mono or (n, channels); floats with full scale 1, or
            16-bit integers, which are divided by 32768.

    Returns:
        float32 (n, channels); shares memory with ``samples`` if possible.

    Raises:
        AudioError: the shape or type is not supported.
    """
    array = np.asarray(samples)
    if array.ndim not in (1, 2):
        raise AudioError(
            f"samples of shape {array.shape} are not a recording", "give (n,) or (n, channels)"
        )
    if array.ndim == 2 and array.shape[1] == 0:
        raise AudioError("the samples have 0 channels", "give (n,) or (n, channels)")
    frames: FloatArray
    if array.dtype == np.int16:
        frames = array.astype(np.float32) / np.float32(32768)
    elif np.issubdtype(array.dtype, np.floating):
        with np.errstate(over="ignore"):  # becomes infinite, which `read` reports
            frames = array.astype(np.float32, copy=False)
    else:
        raise AudioError(
            f"samples of type {array.dtype} are not supported",
            "give floats with full scale 1, or 16-bit integers",
        )
    return frames[:, None] if array.ndim == 1 else frames
