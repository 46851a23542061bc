"""Any number of channels at any rate becomes mono at the model's rate, as a stream."""

from __future__ import annotations

from typing import Any

import numpy as np

from streamer.arrays import FloatArray

#: soxr's quality: "HQ" passes everything below 91 % of half the lower rate and
#: delays by some 25 ms on the way from 48 to 16 kHz; "VHQ" takes twice as long
#: for nothing a 16-bit microphone could show.
QUALITY = "HQ"


def mix_down(frames: FloatArray) -> FloatArray:
    """The mean of the channels.

    The channels are added one after the other, not by a NumPy reduction, whose
    order of additions (and so the last bit) may depend on the block's length.

    Args:
        frames: float32 (n, channels).

    Returns:
        float32 (n,), which may share memory with ``frames`` where it is mono.
    """
    channels = frames.shape[1]
    if channels == 1:
        return frames[:, 0]
    total = frames[:, 0] + frames[:, 1]
    for channel in range(2, channels):
        total += frames[:, channel]
    total /= np.float32(channels)
    return total


class Resampler:
    """Mixes down and resamples a stream; how it is cut into blocks changes no bit of it.

    Args:
        from_rate_hz: rate of what comes in.
        to_rate_hz: rate of what goes out. Where it is the same, the samples
            go through untouched.
    """

    def __init__(self, from_rate_hz: float, to_rate_hz: int) -> None:
        self.from_rate_hz = from_rate_hz
        self.to_rate_hz = to_rate_hz
        self._begin()

    def _begin(self) -> None:
        self._frames_in = self._samples_out = 0
        self._stream: Any = None
        if self.from_rate_hz != self.to_rate_hz:
            # Imported here: who only ever hears 16 kHz needs no soxr in memory.
            import soxr

            self._stream = soxr.ResampleStream(
                self.from_rate_hz, self.to_rate_hz, 1, dtype="float32", quality=QUALITY
            )

    @property
    def delay_s(self) -> float:
        """How far what came out lies behind what went in, in seconds."""
        behind_s = self._frames_in / self.from_rate_hz - self._samples_out / self.to_rate_hz
        return max(0.0, behind_s)

    def feed(self, frames: FloatArray) -> FloatArray:
        """Take frames and return the samples they complete, which may be none.

        Args:
            frames: float32 (n, channels).

        Returns:
            float32 (m,) at ``to_rate_hz``.
        """
        mono = mix_down(frames)
        if self._stream is None:
            return mono
        return self._process(mono, last=False)

    def finish(self) -> FloatArray:
        """End the stream and return what is left; the next `feed` begins a new one.

        Over the whole stream as many samples come out as the rates say,
        rounded: none are added and none are lost.
        """
        if self._stream is None:
            return np.zeros(0, np.float32)
        rest = self._process(np.zeros(0, np.float32), last=True)
        self._begin()
        return rest

    def _process(self, mono: FloatArray, last: bool) -> FloatArray:
        samples: FloatArray = self._stream.resample_chunk(np.ascontiguousarray(mono), last)
        self._frames_in += len(mono)
        self._samples_out += len(samples)
        return samples
