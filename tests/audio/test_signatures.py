"""What a file is by its first bytes, and whether its end is there."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from streamer.audio.formats.signatures import (
    _ac3_frame_bytes,
    _adts_frame_bytes,
    _mp3_frame_bytes,
    identify,
)
from streamer.audio.formats.sound_file import _mp3_knows_its_length, _ogg_is_whole


@pytest.mark.parametrize(
    ("header", "n"),
    [
        ("fffb9064", 417),  # MPEG 1, layer III, 128 kbit/s, 44.1 kHz
        ("fffb9264", 418),  # with padding
        ("fff34064", 104),  # MPEG 2, layer III, 32 kbit/s, 22.05 kHz: half the samples
        ("fffd9064", 522),  # layer II, 160 kbit/s
        ("ffff9064", 312),  # layer I, 288 kbit/s: slots of four bytes
        ("fffbf064", 0),  # an impossible bit rate
        ("fffb0064", 0),  # any bit rate
        ("fffb9c64", 0),  # an impossible sample rate
        ("ffeb9064", 0),  # an unused version
        ("fff99064", 0),  # no layer: that is AAC
        ("fffb90", 0),
        ("7ffb9064", 0),
    ],
)
def test_the_length_of_an_mpeg_frame_is_in_its_header(header: str, n: int) -> None:
    assert _mp3_frame_bytes(bytes.fromhex(header)) == n


@pytest.mark.parametrize(
    ("header", "n"),
    [
        ("0b7700001000", 2 * 256),  # 48 kHz, 128 kbit/s
        ("0b7700005100", 2 * 279),  # 44.1 kHz, with padding
        ("0b7700009000", 2 * 384),  # 32 kHz
        ("0b770000d400", 0),  # an impossible rate
        ("0b7700003f00", 0),  # an impossible size
        ("0b77", 0),
        ("0b78000014", 0),
    ],
)
def test_the_length_of_an_ac3_frame_is_in_its_header(header: str, n: int) -> None:
    assert _ac3_frame_bytes(bytes.fromhex(header)) == n


@pytest.mark.parametrize(
    ("header", "n"),
    [
        ("fff150801f7ffc", 251),
        ("fff15080001ffc", 0),  # shorter than its header
        ("fff1f8801f7ffc", 0),  # an impossible rate
        ("fffb9064000000", 0),  # MP3
    ],
)
def test_the_length_of_an_aac_frame_is_in_its_header(header: str, n: int) -> None:
    assert _adts_frame_bytes(bytes.fromhex(header)) == n


def test_one_frame_alone_is_chance_and_several_are_not() -> None:
    frame = bytes.fromhex("fffb9064") + bytes(413)
    assert identify(frame + bytes(2000)) is None
    found = identify(frame * 9)
    assert found is not None and "MP3" in found.what
    # The beginning of AC-3 is two bytes only.
    ac3 = bytes.fromhex("0b7700001000") + bytes(506)
    assert identify(ac3 + bytes(2000)) is None and identify(ac3 * 9) is not None


def page(last: bool, body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return b"OggS\0" + bytes([4 if last else 0]) + bytes(20) + bytes([1, size]) + body


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (page(False, b"abc") + page(True, b"xyz"), True),
        (page(False, b"abc"), False),  # not marked as the last
        (page(True, b"abc", 9), False),  # its body is cut off
        (page(True, b"abc")[:20], False),  # its header is
        (b"no page at all", False),
        (b"", False),
    ],
)
def test_an_ogg_file_is_whole_if_its_last_page_is(tmp_path: Path, data: bytes, whole: bool) -> None:
    (tmp_path / "a.ogg").write_bytes(data)
    assert _ogg_is_whole(tmp_path / "a.ogg") == whole


@pytest.mark.parametrize("mark", [b"Xing", b"Info", b"VBRI", b"Lame"])
@pytest.mark.parametrize("tagged", [False, True])
def test_an_mp3_file_knows_its_length_if_its_first_frame_does(
    tmp_path: Path, mark: bytes, tagged: bool
) -> None:
    # The tag is as long as its header says in seven bits a byte, and longer than what is looked at.
    tag = b"ID3\x04\0\0" + struct.pack("4B", 0, 0, 40, 16) + bytes(40 * 128 + 16)
    frame = bytes.fromhex("fffb9064") + bytes(32) + mark
    (tmp_path / "a.mp3").write_bytes((tag if tagged else b"") + frame)
    assert _mp3_knows_its_length(tmp_path / "a.mp3") == (mark != b"Lame")
