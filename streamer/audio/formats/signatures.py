"""What the first bytes of a stream say: a compressed file, no audio at all, or samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

#: Bytes after which most formats are told; raw samples need no more.
SHORT_BYTES = 16
#: Bytes that formats with frames need: several frames of MP3 or AAC, packets of MPEG-TS.
LONG_BYTES = 8192


@dataclass(frozen=True)
class Signature:
    """A kind of file.

    Attributes:
        what: for messages, with its article.
        audio: whether it may contain sound.
        seekable: whether its decoder may need to jump.
    """

    what: str
    audio: bool = True
    seekable: bool = False


_MP4 = Signature("an MP4, M4A or MOV file", seekable=True)
_MP3 = Signature("an MP3 file")
_AT_START = {
    b"fLaC": Signature("a FLAC file"), b"OggS": Signature("an OGG file"), b"ID3": _MP3,
    b"FORM": Signature("an AIFF file", seekable=True),
    b"RIFX": Signature("a big-endian WAV file"), b"caff": Signature("a CAF file", seekable=True),
    b".snd": Signature("an AU file"), b"riff\x2e\x91\xcf\x11": Signature("a W64 file"),
    b"\x1aE\xdf\xa3": Signature("a Matroska or WebM file"),
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": Signature("a WMA or ASF file"),
    b"#!AMR": Signature("an AMR file"), b"FLV\x01": Signature("an FLV file"),
    b"wvpk": Signature("a WavPack file"), b"MAC ": Signature("a Monkey's Audio file"),
    b"TTA1": Signature("a TTA file"), b".RMF": Signature("a RealMedia file"),
    b"ADIF": Signature("an AAC file"), b"\x0b\x77": Signature("an AC-3 file"),
    b"\x00\x00\x01\xba": Signature("an MPEG file"), b"MThd": Signature("a MIDI file", False),
    b"%PDF": Signature("a PDF file", False), b"\x89PNG": Signature("a PNG picture", False),
    b"\xff\xd8\xff\xe0": Signature("a JPEG picture", False),
    b"\xff\xd8\xff\xe1": Signature("a JPEG picture", False),
    b"PK\x03\x04": Signature("a ZIP file", False), b"\x1f\x8b\x08": Signature("a gzip file", False),
    b"\x7fELF": Signature("a program", False),
}  # fmt: skip
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"pnot")
_RIFF_KINDS = {b"AVI ": Signature("an AVI file", seekable=True)}
_TEXT = Signature("text", False)

_TS_PACKET_BYTES, _TS_SYNC, _TS_PACKETS = 188, 0x47, 4
#: So many frames in a row are not samples by chance.
_FRAMES_IN_A_ROW = 3
_FRAME_HEADER_BYTES = 8
#: Text shorter than this could be samples.
_TEXT_BYTES = 64

_MP3_KBITS = {
    # By version (1, or 2 and 2.5) and layer.
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MP3_RATES_HZ = (44100, 48000, 32000)


def needs_more(head: bytes) -> bool:
    """Whether `identify` should see `LONG_BYTES` rather than `SHORT_BYTES`."""
    return bool(head) and (
        head[0] == _TS_SYNC
        or (len(head) > 4 and head[4] == _TS_SYNC)
        or (head[0] == 0xFF and len(head) > 1 and head[1] & 0xE0 == 0xE0)
        or (head[:SHORT_BYTES].isascii() and head[:SHORT_BYTES].isalnum())
    )


def identify(head: bytes) -> Signature | None:
    """Return what a stream is; None for WAV, for samples and for what is not known.

    Args:
        head: its first bytes.
    """
    for magic, signature in _AT_START.items():
        if head.startswith(magic) and (len(magic) > 2 or _frames(head, _ac3_frame_bytes)):
            return signature
    if head[:4] == b"RIFF":
        return _RIFF_KINDS.get(head[8:12])
    if head[4:8] in _MP4_BOXES:
        return _MP4
    for offset in (0, 4):  # in M2TS each packet has a time of four bytes in front
        step = _TS_PACKET_BYTES + offset
        syncs = [head[offset + step * n : offset + step * n + 1] for n in range(_TS_PACKETS)]
        if all(sync == bytes([_TS_SYNC]) for sync in syncs):
            return Signature("an MPEG transport stream")
    if _frames(head, _mp3_frame_bytes):
        return _MP3
    if _frames(head, _adts_frame_bytes):
        return Signature("an AAC file")
    if len(head) >= _TEXT_BYTES and _is_text(head):
        return _TEXT
    return None


def _frames(head: bytes, frame_bytes: Callable[[bytes], int]) -> bool:
    """Whether frames follow one another, from the first byte on.

    Args:
        head: the bytes.
        frame_bytes: returns the length of the frame with this header; 0 if it is none.
    """
    position = 0
    for _ in range(_FRAMES_IN_A_ROW):
        n = frame_bytes(head[position : position + _FRAME_HEADER_BYTES])
        if not n:
            return False
        position += n
    return True


def _mp3_frame_bytes(header: bytes) -> int:
    """Return the length of an MPEG audio frame (ISO 11172-3, 13818-3); 0 for anything else."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version_bits, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    kbit_index, rate_index, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version_bits == 1 or layer == 4 or kbit_index in (0, 15) or rate_index == 3:
        return 0
    version = 1 if version_bits == 3 else 2
    rate_hz = _MP3_RATES_HZ[rate_index] >> {3: 0, 2: 1, 0: 2}[version_bits]
    bits_per_s = 1000 * _MP3_KBITS[version, layer][kbit_index - 1]
    if layer == 1:
        return (12 * bits_per_s // rate_hz + padding) * 4
    samples = 576 if layer == 3 and version == 2 else 1152
    return samples // 8 * bits_per_s // rate_hz + padding


def _adts_frame_bytes(header: bytes) -> int:
    """Return the length of an AAC frame in ADTS (ISO 13818-7); 0 for anything else."""
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
        return 0
    n = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return n if n > 7 and header[2] >> 2 & 15 < 13 else 0


def _ac3_frame_bytes(header: bytes) -> int:
    """Return the length of an AC-3 frame (ATSC A/52); 0 for anything else."""
    kbits = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
    if len(header) < 5 or header[:2] != b"\x0b\x77":
        return 0
    rate_index, size_index = header[4] >> 6, header[4] & 63
    if rate_index == 3 or size_index >= 2 * len(kbits):
        return 0
    kbit = kbits[size_index >> 1]
    words = (2 * kbit, 320 * kbit // 147 + (size_index & 1), 3 * kbit)
    return 2 * (words[1] if rate_index == 1 else words[0 if rate_index == 0 else 2])


def _is_text(head: bytes) -> bool:
    return all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head)
