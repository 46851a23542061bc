"""Mix down and resample a stream."""

from __future__ import annotations

from typing import Any

import numpy as np

from streamer.arrays import FloatArray

#: soxr's quality. "HQ" passes everything below 91 % of half the lower rate and
#: delays by about 25 ms from 48 to 16 kHz; "VHQ" takes twice as long and gains
#: nothing at 16 bits.
QUALITY = "HQ"


def mix_down(frames: FloatArray) -> FloatArray:
    """Return the mean of the channels.

    They are added one after the other: the order of additions in a NumPy
    reduction, and so the last bit, may depend on the length of the block.

    Args:
        frames: float32 (n, channels).

    Returns:
        float32 (n,); shares memory with ``frames`` if they are mono.
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
    """Mixes down and resamples a stream, bit-identical however it is cut into blocks.

    Args:
        from_rate_hz: rate of the input.
        to_rate_hz: rate of the output. If it is the same, the samples pass
            unchanged.
    """

    def __init__(self, from_rate_hz: float, to_rate_hz: int) -> None:
        self.from_rate_hz = from_rate_hz
        self.to_rate_hz = to_rate_hz
        self._begin()

    def _begin(self) -> None:
        self._frames_in = self._samples_out = 0
        self._stream: Any = None
        if self.from_rate_hz != self.to_rate_hz:
            # Imported here: input at 16 kHz does not need soxr.
            import soxr

            self._stream = soxr.ResampleStream(
                self.from_rate_hz, self.to_rate_hz, 1, dtype="float32", quality=QUALITY
            )

    @property
    def delay_s(self) -> float:
        """Delay of the output behind the input, in seconds."""
        behind_s = self._frames_in / self.from_rate_hz - self._samples_out / self.to_rate_hz
        return max(0.0, behind_s)

    def feed(self, frames: FloatArray) -> FloatArray:
        """Take frames and return the samples that they complete, possibly none.

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
        """End the stream and return the rest; the next `feed` begins a new one.

        The length of the whole output is that of the input times the ratio of
        the rates, rounded.
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
