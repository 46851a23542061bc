"""Sound files that libsndfile reads."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from streamer.arrays import FloatArray
from streamer.audio.formats.reader import BLOCK_FRAMES, REPLACE
from streamer.audio.wav import declared_bytes, id3_bytes
from streamer.errors import AudioError

#: Lines of libsndfile's log with the declared and the actual size of the samples,
#: for AIFF, AU, W64 and RF64.
_SIZES = re.compile(
    r"^\s*(?:data|SSND|Data Size|riff|Riff size)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE
)

#: An MP3 decoder may drop this much at the ends of a recording: two frames.
_MP3_TOLERANCE_FRAMES = 2 * 1152


class UnknownFormatError(Exception):
    """A file that libsndfile cannot read."""


class SoundFileReader:
    """A sound file opened by libsndfile.

    Args:
        path: the file.

    Raises:
        UnknownFormatError: libsndfile cannot read it; the message says why.
        AudioError: libsndfile is not installed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        soundfile = _soundfile()
        # A descriptor rather than a name: libsndfile would take a file for raw
        # samples, or for old telephone formats, by its suffix alone.
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            self._file: Any = soundfile.SoundFile(fd, closefd=True)
        except soundfile.LibsndfileError as error:  # has closed the descriptor
            raise UnknownFormatError(error.error_string.strip().rstrip(".")) from None
        # After each block soundfile seeks to its current position, if it can.
        # libmpg123 then drops its bit reservoir: a click at every seam of an
        # MP3. Nothing seeks here, so pretend that the file cannot.
        self._file.seekable = lambda: False
        self._fault: AudioError | None = None
        self._frames_read = 0
        frames = self._file.frames
        self.rate_hz = float(self._file.samplerate)
        # libsndfile reports the largest possible number if it does not know.
        self.seconds: float | None = frames / self.rate_hz if 0 < frames < 1 << 48 else None
        self.has_samples = frames > 0

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._file.close()

    def read(self) -> FloatArray | None:
        """See `FrameReader.read`."""
        if self._fault is not None:
            raise self._fault
        frames: FloatArray = np.full((BLOCK_FRAMES, self._file.channels), np.nan, np.float32)
        try:
            block: FloatArray = self._file.read(out=frames)
        except _soundfile().LibsndfileError as error:
            # The array already holds what was decoded before the fault.
            whole = ~np.isnan(frames).any(axis=1)
            good = len(frames) if whole.all() else int(np.argmin(whole))
            self._frames_read += good
            self._fault = self._damaged(error.error_string)
            if good:
                return frames[:good]
            raise self._fault from None
        if len(block):
            self._frames_read += len(block)
            return block
        if self._is_truncated():
            raise self._damaged("the file ends early")
        return None

    def _damaged(self, reason: str) -> AudioError:
        seconds = self._frames_read / self._file.samplerate
        reason = reason.strip().rstrip(".")
        return AudioError(
            f"{self._path} is truncated or damaged after {seconds:.2f} s ({reason})", REPLACE
        )

    def _is_truncated(self) -> bool:
        """Whether the file, read to its end, declared more than it had."""
        for declared, actual in _SIZES.findall(self._file.extra_info):
            if (declared_bytes(int(declared)) or 0) > int(actual):
                return True
        kind = self._file.format
        if kind == "OGG":
            return not _ogg_is_whole(self._path)
        if kind in ("MP3", "MPEG"):
            missing = self._file.frames - self._frames_read
            return missing > _MP3_TOLERANCE_FRAMES and _mp3_knows_its_length(self._path)
        if "does not match value from 'ds64'" in self._file.extra_info:
            return True
        return bool(self._frames_read < self._file.frames < 1 << 48)


def _soundfile() -> Any:
    """Return the module `soundfile`, imported when the first recording is opened."""
    try:
        import soundfile
    except ImportError as error:
        raise AudioError(f"recordings need soundfile ({error})", "pip install soundfile") from None
    except OSError as error:
        raise AudioError(
            f"libsndfile cannot be loaded ({error})",
            "install it: apt install libsndfile1, dnf install libsndfile, or brew install"
            " libsndfile",
        ) from None
    return soundfile


def _ogg_is_whole(path: Path) -> bool:
    """Whether the last page of an Ogg file is complete and marked as the last (RFC 3533)."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - (1 << 17)))  # a page has at most 65,307 bytes
        tail = file.read()
    start = tail.rfind(b"OggS")
    if start < 0 or len(tail) < start + 27:
        return False
    segments = tail[start + 26]
    lacing = tail[start + 27 : start + 27 + segments]
    is_last = bool(tail[start + 5] & 4)
    return is_last and len(tail) >= start + 27 + segments + sum(lacing)


def _mp3_knows_its_length(path: Path) -> bool:
    """Whether an MP3 file begins with a Xing, Info or VBRI frame, which has its length.

    Without one, libsndfile guesses the length from the first frame's bit rate.
    """
    with open(path, "rb") as file:
        head = file.read(10)
        if head[:3] == b"ID3":
            file.seek(id3_bytes(head))
        else:
            file.seek(0)
        first = file.read(4096)
    return any(mark in first for mark in (b"Xing", b"Info", b"VBRI"))
