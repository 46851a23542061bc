"""Mix down channels that may cancel each other out or have a constant offset."""

from __future__ import annotations

import numpy as np

from streamer.arrays import FloatArray
from streamer.audio.resampling import mix_down

#: Length of the pieces of which each is judged alone, in seconds.
WINDOW_S = 0.1

#: Below this level (-80 dB) nothing can be lost.
_SILENCE_RMS = 1e-4

#: A mix this much quieter (12 dB in stereo) than its loudest channel is cancelled out. With
#: one channel in use the mix is quieter by the number of channels, which is as it should be.
_CANCELLED_SHARE = 0.5

#: A mean of a window beyond this (full scale is 1) is the offset of broken electronics.
_OFFSET = 0.05


class ChannelMixer:
    """The mean of the channels, or the loudest one where the mean is cancelled out.

    That happens where a channel is wired with opposite phase. Frames are judged
    in windows of fixed positions, so that the result does not depend on how the
    stream is cut into blocks. A constant offset is removed. Mono without an offset
    at its first sample passes unchanged and without delay.

    Args:
        rate_hz: rate of the frames.

    Attributes:
        cancelled: whether a channel had to be taken.
    """

    def __init__(self, rate_hz: float) -> None:
        self._window = max(1, round(WINDOW_S * rate_hz))
        self._pending: FloatArray | None = None
        self._windowed: bool | None = None  # not known yet
        self.cancelled = False

    def feed(self, frames: FloatArray) -> FloatArray:
        """Take frames, float32 (n, channels); return the windows that are complete, (m,)."""
        if self._windowed is None and len(frames):
            self._windowed = frames.shape[1] > 1 or bool(abs(frames[0, 0]) > _OFFSET)
        if not self._windowed:
            return mix_down(frames)
        if self._pending is not None:
            frames = np.concatenate([self._pending, frames])
        whole = len(frames) // self._window * self._window
        self._pending = frames[whole:].copy()
        parts = [self._mix(frames[i : i + self._window]) for i in range(0, whole, self._window)]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def finish(self) -> FloatArray:
        """Return the rest, (m,)."""
        rest, self._pending = self._pending, None
        if rest is None or not len(rest):
            return np.zeros(0, np.float32)
        return self._mix(rest)

    def _mix(self, frames: FloatArray) -> FloatArray:
        means = frames.mean(axis=0, dtype=np.float64)
        if (np.abs(means) > _OFFSET).any():
            frames = frames - means.astype(np.float32)
        mix = mix_down(frames)
        rms = frames.std(axis=0, dtype=np.float64)
        loudest = int(np.argmax(rms))
        limit = rms[loudest] / frames.shape[1] * _CANCELLED_SHARE
        if rms[loudest] < _SILENCE_RMS or mix.std(dtype=np.float64) >= limit:
            return mix
        self.cancelled = True
        taken: FloatArray = frames[:, loudest].copy()
        return taken
