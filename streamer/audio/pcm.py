"""Encodings of PCM samples, decoded to float32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

import numpy as np
import numpy.typing as npt

from streamer.arrays import FloatArray


@dataclass(frozen=True)
class PcmFormat:
    """Encoding of the frames of a stream.

    Attributes:
        encoding: "u8", "s16", "s24", "s24in32", "s32", "f32", "f64", "alaw" or
            "mulaw"; little-endian.
        rate_hz: frames per second.
        channels: samples per frame.
    """

    encoding: str
    rate_hz: int
    channels: int

    @property
    def frame_bytes(self) -> int:
        """Bytes per frame."""
        return _BYTES[self.encoding] * self.channels

    def decode(self, data: bytes) -> FloatArray:
        """Decode bytes into frames.

        Args:
            data: whole frames.

        Returns:
            float32 (n, channels), full scale 1; 16-bit samples are divided by
            32768, exactly as in libsndfile.
        """
        return _DECODERS[self.encoding](data).reshape(-1, self.channels)


def _s24(data: bytes) -> FloatArray:
    parts = np.frombuffer(data, np.uint8).reshape(-1, 3)
    wide = np.zeros((len(parts), 4), np.uint8)
    wide[:, 1:] = parts  # the top three bytes of a 32-bit number, to keep the sign
    return _divide(wide.view("<i4")[:, 0], 2**31)


def _s24_in_32(data: bytes) -> FloatArray:
    """Decode 24 bits in a container of 32, at its top as specified or at its bottom.

    Samples at the bottom have the sign in their top byte; samples at the top
    have nothing in the lowest one.
    """
    values = np.frombuffer(data, "<i4")
    fits = bool(((values >= -(2**23)) & (values < 2**23)).all())
    return _divide(values, 2**23 if fits and bool((values & 0xFF).any()) else 2**31)


def _expand_alaw(codes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """ITU-T G.711, A-law to 16 bits."""
    codes = codes ^ 0x55
    exponent, mantissa = (codes >> 4) & 7, codes & 15
    magnitude = np.where(
        exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << np.maximum(exponent - 1, 0)
    )
    return np.where(codes & 0x80, magnitude, -magnitude)


def _expand_mulaw(codes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """ITU-T G.711, mu-law to 16 bits."""
    codes = ~codes & 0xFF
    magnitude = ((((codes & 15) << 3) + 0x84) << ((codes >> 4) & 7)) - 0x84
    return np.where(codes & 0x80, -magnitude, magnitude)


def _table(values: npt.NDArray[np.int64]) -> Callable[[bytes], FloatArray]:
    table = _divide(values, 32768)
    return lambda data: table[np.frombuffer(data, np.uint8)]


def _scaled(dtype: str, full_scale: float) -> Callable[[bytes], FloatArray]:
    return lambda data: _divide(np.frombuffer(data, dtype), full_scale)


def _u8(data: bytes) -> FloatArray:
    return _divide(np.frombuffer(data, np.uint8).astype(np.int16) - 128, 128)


def _divide(values: npt.NDArray[Any], full_scale: float) -> FloatArray:
    with np.errstate(over="ignore", invalid="ignore"):  # reported when the samples are checked
        samples: FloatArray = values.astype(np.float32)
        samples /= np.float32(full_scale)
    return samples


_BYTES = {
    "u8": 1, "s16": 2, "s24": 3, "s24in32": 4, "s32": 4, "f32": 4, "f64": 8, "alaw": 1, "mulaw": 1,
}  # fmt: skip
_DECODERS = {
    "u8": _u8,
    "s16": _scaled("<i2", 2**15),
    "s24": _s24,
    "s24in32": _s24_in_32,
    "s32": _scaled("<i4", 2**31),
    "f32": _scaled("<f4", 1),
    "f64": _scaled("<f8", 1),
    "alaw": _table(_expand_alaw(np.arange(256))),
    "mulaw": _table(_expand_mulaw(np.arange(256))),
}
