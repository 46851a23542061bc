"""WAV headers as programs write them, read from streams that cannot seek.

A program that writes a WAV file into a pipe, or that was killed, does not know
its length: the header says 0, or a number that is too large. Others forget the
padding of chunks or put a tag in front. Header format: the RIFF specification
(IBM and Microsoft, 1991) with WAVE_FORMAT_EXTENSIBLE and RF64 (EBU Tech 3306).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Callable

from streamer.audio.pcm import PcmFormat
from streamer.errors import AudioError

_PCM, _FLOAT, _ALAW, _MULAW, _EXTENSIBLE = 0x0001, 0x0003, 0x0006, 0x0007, 0xFFFE

#: First bytes of WAV files; the last two have 64-bit lengths.
WAV_MAGIC = (b"RIFF", b"RF64", b"BW64")
ID3_MAGIC = b"ID3"
_ID3_HEADER_BYTES = 10

#: A larger chunk before the samples is not part of a header.
_LARGEST_HEADER_CHUNK = 1 << 24
#: Chunks by which a missing byte of padding is recognised.
_KNOWN_CHUNKS = frozenset(
    [b"fmt ", b"data", b"LIST", b"fact", b"bext", b"JUNK", b"junk", b"PAD ", b"FLLR", b"cue ",
     b"smpl", b"inst", b"id3 ", b"ID3 ", b"iXML", b"PEAK", b"DISP", b"ds64", b"chna", b"axml"]
)  # fmt: skip

#: A promise of this many bytes (8.7 hours at 16 kHz) or more is believed only if a
#: quarter of it came; smaller ones, from 64 MiB on, if a sixteenth of it did.
_HUGE_BYTES, _HUGE_SHARE = 1_000_000_000, 4
_LARGE_BYTES, _LARGE_SHARE = 1 << 26, 16

_CONVERT = "convert it: ffmpeg -i INPUT -f s16le -ac 1 -ar 16000 - | streamer transcribe -"


@dataclass(frozen=True)
class WavHeader:
    """The header of a WAV file.

    Attributes:
        format: encoding of the frames.
        data_bytes: number of bytes of frames; None if the writer did not know it.
        size: the same as the header has it, whether or not it can be true.
    """

    format: PcmFormat
    data_bytes: int | None
    size: int


def declared_bytes(size: int) -> int | None:
    """Return the number of bytes that a header declares; None if the writer did not know it.

    Placeholders are 0, numbers close to the largest of 31 or 32 bits, and large
    round ones.
    """
    for largest in (0x7FFFFFFF, 0x8000FFFF, 0xFFFFFFFF):
        if largest - 0xFFFF <= size <= largest:
            return None
    if size >= _HUGE_BYTES and (size % 1_000_000 == 0 or size % (1 << 20) == 0):
        return None
    return size or None


def ends_early(promised: int | None, received: int, frame_bytes: int) -> bool:
    """Whether samples were lost: fewer bytes came than a header promised.

    A last frame that is incomplete does not count, and a promise far beyond
    what came is a placeholder.

    Args:
        promised: bytes, as `WavHeader.data_bytes`.
        received: bytes of samples before the end.
        frame_bytes: bytes per frame.
    """
    if promised is None or promised - received < frame_bytes:
        return False
    if promised >= _HUGE_BYTES:
        return received * _HUGE_SHARE >= promised
    return promised < _LARGE_BYTES or received * _LARGE_SHARE >= promised


def id3_bytes(head: bytes) -> int:
    """Return the length of an ID3 tag that begins with these 10 bytes."""
    a, b, c, d = head[6:_ID3_HEADER_BYTES]  # 7 bits each
    return _ID3_HEADER_BYTES + ((a & 127) << 21 | (b & 127) << 14 | (c & 127) << 7 | (d & 127))


def looks_like_chunk(head: bytes) -> bool:
    """Whether these bytes are a chunk that may follow the samples, rather than samples."""
    return len(head) >= 4 and head[:4] in _KNOWN_CHUNKS


def read_wav_header(read: Callable[[int], bytes], name: str) -> WavHeader:
    """Read a WAV header, up to the first sample.

    Args:
        read: returns exactly that many bytes, fewer only at the end of the stream.
        name: of the stream, for messages.

    Raises:
        AudioError: it is not a WAV header, or the encoding is not supported.
    """
    magic, riff_size, kind = _unpack("<4sI4s", read, name)
    if magic not in WAV_MAGIC or kind != b"WAVE":
        raise AudioError(f"{name} has no WAV header", _CONVERT)
    form: PcmFormat | None = None
    long_size: int | None = None
    begun = b""  # bytes of the next chunk that have been read already
    while True:
        chunk, size = _unpack("<4sI", lambda n: begun + read(n - len(begun)), name)  # noqa: B023
        if chunk == b"data":
            break
        if size > _LARGEST_HEADER_CHUNK:
            raise AudioError(f"{name} has a broken WAV header", _CONVERT)
        body = read(size)
        if len(body) < size:
            raise _header_cut_short(name)
        begun = _after_padding(read) if size % 2 else b""
        if chunk == b"fmt ":
            form = _parse_format(body, name)
        elif chunk == b"ds64" and size >= 16:
            long_size = int(struct.unpack_from("<Q", body, 8)[0])
    if form is None:
        raise AudioError(f"{name} has a WAV header without a format", _CONVERT)
    if long_size:
        return WavHeader(form, long_size, long_size)
    # A header whose whole is smaller than its part was never filled in.
    unfinished = magic == b"RIFF" and riff_size < size
    return WavHeader(form, None if unfinished else declared_bytes(size), size)


def _after_padding(read: Callable[[int], bytes]) -> bytes:
    """Skip the byte of padding after an odd chunk, where there is one.

    Returns:
        What had to be read of the next chunk to find out.
    """
    head = read(4)
    if head in _KNOWN_CHUNKS:
        return head
    return head[1:]


def _parse_format(body: bytes, name: str) -> PcmFormat:
    if len(body) < 16:
        raise AudioError(f"{name} has a broken WAV header", _CONVERT)
    code, channels, rate_hz, _, frame_bytes, bits = struct.unpack_from("<HHIIHH", body)
    valid_bits = bits
    if code == _EXTENSIBLE and len(body) >= 26:
        # The first two bytes of the sub-format's GUID are the actual code.
        valid_bits, code = (
            struct.unpack_from("<H", body, 18)[0],
            struct.unpack_from("<H", body, 24)[0],
        )
    if channels == 0:
        raise AudioError(
            f"{name} claims to have 0 channels", "its header is broken: record it again"
        )
    if rate_hz == 0:
        raise AudioError(f"{name} claims a rate of 0 Hz", "its header is broken: record it again")
    encoding = _encoding(code, bits, valid_bits, frame_bytes // channels)
    if encoding is None:
        raise AudioError(
            f"{name} is a WAV file of an unsupported kind (format {code:#06x}, {bits} bits)",
            _CONVERT,
        )
    return PcmFormat(encoding, rate_hz, channels)


def _encoding(code: int, bits: int, valid_bits: int, sample_bytes: int) -> str | None:
    """Return an encoding of `PcmFormat`; None if it is not supported.

    Args:
        code: the format's number.
        bits: of a sample, as declared.
        valid_bits: those of them that are used.
        sample_bytes: bytes of a sample, by the size of a frame.
    """
    if code == _PCM:
        if (16 < bits <= 24 and sample_bytes == 4) or (bits == 32 and valid_bits == 24):
            return "s24in32"
        return {1: "u8", 2: "s16", 3: "s24", 4: "s32"}.get(-(-bits // 8)) if bits >= 8 else None
    if code == _FLOAT:
        return {32: "f32", 64: "f64"}.get(bits)
    # Some writers declare the 16 bits that a sample has once it is expanded.
    if bits == 8 or sample_bytes == 1:
        return {_ALAW: "alaw", _MULAW: "mulaw"}.get(code)
    return None


def _unpack(layout: str, read: Callable[[int], bytes], name: str) -> tuple[Any, ...]:
    n = struct.calcsize(layout)
    data = read(n)
    if len(data) < n:
        raise _header_cut_short(name)
    return struct.unpack(layout, data)


def _header_cut_short(name: str) -> AudioError:
    return AudioError(f"{name} ends within its WAV header", "copy or record it again")
