"""What is made of ffmpeg's output, log and exit code: a stand-in has any of them."""

from __future__ import annotations

import io
import os
import struct
import sys
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest

from streamer.audio.formats import ffmpeg
from streamer.audio.formats.ffmpeg import FfmpegReader
from streamer.errors import AudioError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")

RATE_HZ = 16000
SECOND = np.sin(np.arange(RATE_HZ, dtype=np.float32) / 9)


def wav(samples: Any) -> bytes:
    """A WAV stream of floats whose length nobody knows, as ffmpeg writes it."""
    format = struct.pack("<IHHIIHH", 16, 3, 1, RATE_HZ, 4 * RATE_HZ, 4, 32)
    unknown = struct.pack("<I", 0xFFFFFFFF)
    return b"RIFF" + unknown + b"WAVEfmt " + format + b"data" + unknown + samples.tobytes()


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Install an ffmpeg; returns the recording that it is asked to decode."""

    def install(output: bytes = b"", log: str = "", code: int = 0) -> Path:
        (tmp_path / "output").write_bytes(output)
        (tmp_path / "log").write_text(log)
        program = tmp_path / "ffmpeg"
        program.write_text(
            f'#!/bin/sh\ncat "{tmp_path}/log" >&2\ncat "{tmp_path}/output"\nexit {code}\n'
        )
        program.chmod(0o755)
        monkeypatch.setattr(ffmpeg, "find_ffmpeg", lambda: os.fspath(program))
        recording = tmp_path / "talk.mkv"
        recording.write_bytes(b"\x1aE\xdf\xa3")
        return recording

    return install


def read_all(reader: FfmpegReader) -> Any:
    blocks = []
    try:
        while True:
            block = reader.read()
            if block is None:
                return np.concatenate(blocks)[:, 0]
            blocks.append(block)
    finally:
        reader.close()


INTRODUCTION = "  Duration: 00:00:01.00, start: 0.0\n"


def test_samples_rate_and_length_are_those_of_the_track(stand_in: Callable[..., Path]) -> None:
    reader = FfmpegReader("talk.mkv", stand_in(wav(SECOND), INTRODUCTION))
    assert (reader.rate_hz, reader.seconds) == (RATE_HZ, 1.0)
    assert np.array_equal(read_all(reader), SECOND)


def test_a_complaint_that_costs_no_sound_is_no_error(stand_in: Callable[..., Path]) -> None:
    log = INTRODUCTION + "[aac @ 0x55] [error] channel element 0.0 is not allocated.\n"
    assert len(read_all(FfmpegReader("talk.mkv", stand_in(wav(SECOND), log)))) == RATE_HZ


def test_a_complaint_about_a_track_that_ends_early_is_one(stand_in: Callable[..., Path]) -> None:
    log = "  Duration: 00:01:00.00, start: 0.0\n[mov @ 0x55] [error] partial file.\n"
    with pytest.raises(AudioError, match=r"damaged after 1.00 s \(partial file\)"):
        read_all(FfmpegReader("talk.mkv", stand_in(wav(SECOND), log)))


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("[mp3 @ 0x55] [error] Header missing.\n", "Header missing"),
        ("", "ffmpeg ended with code 69"),
    ],
)
def test_an_ffmpeg_that_fails_on_the_way_ends_the_track_there(
    stand_in: Callable[..., Path], log: str, reason: str
) -> None:
    with pytest.raises(AudioError, match=f"damaged after 1.00 s .{reason}"):
        read_all(FfmpegReader("talk.mkv", stand_in(wav(SECOND), log, 69)))


def test_a_track_without_a_sample_is_refused(stand_in: Callable[..., Path]) -> None:
    with pytest.raises(AudioError, match="is not audio in a supported format"):
        read_all(FfmpegReader("talk.mkv", stand_in(wav(SECOND[:0]))))


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("[fatal] Stream map '0:a:0' matches no streams.\n", "talk.mkv has no sound"),
        ("[error] Invalid data found when processing input\n", "a film that ffmpeg cannot decode"),
        ("[error] Permission denied\n", r"cannot be read as audio \(Permission denied\)"),
    ],
)
def test_what_it_does_not_decode_is_refused_with_its_reason(
    stand_in: Callable[..., Path], log: str, said: str
) -> None:
    with pytest.raises(AudioError, match=said):
        FfmpegReader("talk.mkv", stand_in(b"", log, 1), kind="a film")


def test_without_ffmpeg_it_says_what_to_install(
    stand_in: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = stand_in()
    monkeypatch.setattr(ffmpeg, "find_ffmpeg", lambda: None)
    with pytest.raises(AudioError, match="needs ffmpeg - install ffmpeg"):
        FfmpegReader("talk.mkv", recording)
    monkeypatch.setattr(ffmpeg, "find_ffmpeg", lambda: os.fspath(recording))  # not executable
    with pytest.raises(AudioError, match="ffmpeg cannot be run"):
        FfmpegReader("talk.mkv", recording)


#: A playlist may name files and addresses that nobody meant to open.
PLAYLIST = b"\xef\xbb\xbf\n#EXTM3U\nhttp://example.org/a.mp3\n"


@pytest.mark.parametrize("whole", [False, True])
def test_a_playlist_is_refused_however_it_comes(stand_in: Callable[..., Path], whole: bool) -> None:
    recording = stand_in(wav(SECOND))
    recording.write_bytes(PLAYLIST)
    with pytest.raises(AudioError, match="is a playlist - name the recordings in it"):
        FfmpegReader("talk.mkv", recording)
    pull = io.BytesIO(PLAYLIST)
    with pytest.raises(AudioError, match="standard input is a playlist"):
        read_all(FfmpegReader("standard input", pull=lambda: pull.read(9999), whole=whole))


def test_what_goes_wrong_with_the_stream_is_raised_at_its_end(
    stand_in: Callable[..., Path],
) -> None:
    stand_in(wav(SECOND))

    def pull() -> bytes:
        raise AudioError("standard input ends within a frame", "check it")

    reader = FfmpegReader("standard input", pull=pull)
    with pytest.raises(AudioError, match="ends within a frame"):
        read_all(reader)
