"""Raw samples and WAV headers, read from streams that cannot seek.

libsndfile needs to seek, which a pipe cannot. A program that writes a WAV file
into a pipe does not know its length, so the header says 0 or the largest
possible number. Header format: the RIFF specification (IBM and Microsoft,
1991) with WAVE_FORMAT_EXTENSIBLE and RF64 (EBU Tech 3306).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np
import numpy.typing as npt

from streamer.arrays import FloatArray
from streamer.errors import AudioError

_PCM, _FLOAT, _ALAW, _MULAW, _EXTENSIBLE = 0x0001, 0x0003, 0x0006, 0x0007, 0xFFFE

#: A larger chunk before the samples is not part of a header.
_LARGEST_HEADER_CHUNK = 1 << 24

_CONVERT = "convert it: ffmpeg -i INPUT -f s16le -ac 1 -ar 16000 - | streamer transcribe -"


@dataclass(frozen=True)
class PcmFormat:
    """Encoding of the frames of a stream.

    Attributes:
        encoding: "u8", "s16", "s24", "s32", "f32", "f64", "alaw" or "mulaw";
            little-endian.
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


_BYTES = {"u8": 1, "s16": 2, "s24": 3, "s32": 4, "f32": 4, "f64": 8, "alaw": 1, "mulaw": 1}
_DECODERS = {
    "u8": _u8,
    "s16": _scaled("<i2", 2**15),
    "s24": _s24,
    "s32": _scaled("<i4", 2**31),
    "f32": _scaled("<f4", 1),
    "f64": _scaled("<f8", 1),
    "alaw": _table(_expand_alaw(np.arange(256))),
    "mulaw": _table(_expand_mulaw(np.arange(256))),
}
_ENCODINGS = {
    (_PCM, 8): "u8", (_PCM, 16): "s16", (_PCM, 24): "s24", (_PCM, 32): "s32",
    (_FLOAT, 32): "f32", (_FLOAT, 64): "f64", (_ALAW, 8): "alaw", (_MULAW, 8): "mulaw",
}  # fmt: skip


@dataclass(frozen=True)
class WavHeader:
    """The header of a WAV file.

    Attributes:
        format: encoding of the frames.
        data_bytes: number of bytes of frames; None if the writer did not know it.
    """

    format: PcmFormat
    data_bytes: int | None


def declared_bytes(size: int) -> int | None:
    """Return the number of bytes that a header declares; None if the writer did not know it.

    Programs that write into a pipe use 0 or something close to the largest
    number of 31 or 32 bits.
    """
    for largest in (0x7FFFFFFF, 0xFFFFFFFF):
        if largest - 0xFFFF <= size <= largest:
            return None
    return size or None


def read_wav_header(read: Callable[[int], bytes], name: str) -> WavHeader:
    """Read a WAV header, up to the first sample.

    Args:
        read: returns exactly that many bytes, fewer only at the end of the stream.
        name: of the stream, for messages.

    Raises:
        AudioError: it is not a WAV header, or the encoding is not supported.
    """
    magic, _, kind = _unpack("<4sI4s", read, name)
    if magic not in (b"RIFF", b"RF64") or kind != b"WAVE":
        raise AudioError(f"{name} has no WAV header", _CONVERT)
    form: PcmFormat | None = None
    long_size: int | None = None
    while True:
        chunk, size = _unpack("<4sI", read, name)
        if chunk == b"data":
            break
        if size > _LARGEST_HEADER_CHUNK:
            raise AudioError(f"{name} has a broken WAV header", _CONVERT)
        body = read(size + size % 2)  # chunks begin at even addresses
        if len(body) < size:
            raise _header_cut_short(name)
        if chunk == b"fmt ":
            form = _parse_format(body, name)
        elif chunk == b"ds64" and size >= 16:
            long_size = int(struct.unpack_from("<Q", body, 8)[0])
    if form is None:
        raise AudioError(f"{name} has a WAV header without a format", _CONVERT)
    if long_size:
        return WavHeader(form, long_size)
    return WavHeader(form, declared_bytes(size))


def _parse_format(body: bytes, name: str) -> PcmFormat:
    if len(body) < 16:
        raise AudioError(f"{name} has a broken WAV header", _CONVERT)
    code, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if code == _EXTENSIBLE and len(body) >= 26:
        # The first two bytes of the sub-format's GUID are the actual code.
        code = struct.unpack_from("<H", body, 24)[0]
    if channels == 0:
        raise AudioError(
            f"{name} claims to have 0 channels", "its header is broken: record it again"
        )
    if rate_hz == 0:
        raise AudioError(f"{name} claims a rate of 0 Hz", "its header is broken: record it again")
    encoding = _ENCODINGS.get((code, bits))
    if encoding is None:
        raise AudioError(
            f"{name} is a WAV file of an unsupported kind (format {code:#06x}, {bits} bits)",
            _CONVERT,
        )
    return PcmFormat(encoding, rate_hz, channels)


def _unpack(layout: str, read: Callable[[int], bytes], name: str) -> tuple[Any, ...]:
    n = struct.calcsize(layout)
    data = read(n)
    if len(data) < n:
        raise _header_cut_short(name)
    return struct.unpack(layout, data)


def _header_cut_short(name: str) -> AudioError:
    return AudioError(f"{name} ends within its WAV header", "copy or record it again")
