"""Sound files, read in blocks by libsndfile."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from streamer.arrays import FloatArray
from streamer.audio.pcm import PcmFormat, declared_bytes, read_wav_header
from streamer.audio.sources.source import FrameStream
from streamer.errors import AudioError

#: Frames per read: whole blocks of FLAC's usual 4096.
BLOCK_FRAMES = 8192

_READABLE = "give a WAV, FLAC, OGG, Opus or MP3 file, or convert it: ffmpeg -i FILE sound.wav"
_AGAIN = "everything before is transcribed; copy or record the file again for the rest"

#: Lines of libsndfile's log with the declared and the actual size of the samples,
#: for WAV, AIFF, AU, W64 and RF64.
_SIZES = re.compile(
    r"^\s*(?:data|SSND|Data Size|riff|Riff size)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE
)

#: An MP3 decoder may drop this much at the ends of a recording: two frames.
_MP3_TOLERANCE_FRAMES = 2 * 1152


class RecordingSource:
    """A sound file of any rate and any number of channels.

    `open` raises if nothing can be read; `read` raises after everything that
    can be read.

    Args:
        path: the file.
    """

    live = False
    lost = 0
    delay_s = 0.0

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.name = self.path.name
        self.seconds: float | None = None
        self._file: Any = None
        self._raw: BinaryIO | None = None
        self._raw_format: PcmFormat | None = None
        self._fault: AudioError | None = None
        self._stream: FrameStream | None = None
        self._stopped = False
        self._frames_read = 0

    def open(self, rate_hz: int) -> None:
        """Start at the first sample; may be called again after `close`.

        Raises:
            AudioError: the file is missing, empty, not readable or not audio.
        """
        self.close()
        self._check_file()
        soundfile = _soundfile()
        try:
            self._file = soundfile.SoundFile(os.fspath(self.path))
        except soundfile.LibsndfileError as error:
            raise self._explain(error.error_string) from None
        # After each block soundfile seeks to its current position, if it can.
        # libmpg123 then drops its bit reservoir: a click at every seam of an
        # MP3. Nothing seeks here, so pretend that the file cannot.
        self._file.seekable = lambda: False
        self._stopped, self._frames_read, self._fault = False, 0, None
        file_rate_hz, frames = self._file.samplerate, self._file.frames
        read = self._read_frames
        if frames == 0:
            if not self._is_unfinished_wav():
                self.close()
                raise AudioError(f"{self.path} has no samples", "give another recording")
            read = self._read_raw_frames
        # libsndfile reports the largest possible number if it does not know.
        self.seconds = frames / file_rate_hz if 0 < frames < 1 << 48 else None
        self._stream = FrameStream(read, str(self.path), file_rate_hz, rate_hz)

    def read(self) -> FloatArray | None:
        """Return the next samples; None at the end.

        Raises:
            AudioError: the file is truncated or damaged here.
        """
        if self._stream is None or self._stopped:
            return None
        return self._stream.read()

    def stop(self) -> None:
        """Make `read` reach its end; may be called by any thread."""
        self._stopped = True

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._stream = None
        for file in (self._file, self._raw):
            if file is not None:
                file.close()
        self._file = self._raw = None

    def _check_file(self) -> None:
        """Raise if there is no readable, non-empty file."""
        try:
            status = self.path.stat()
            if stat.S_ISDIR(status.st_mode):
                raise AudioError(f"{self.path} is a folder", "give the files in it")
            if not stat.S_ISREG(status.st_mode):
                raise AudioError(
                    f"{self.path} is not a file", "pipe it into: streamer transcribe -"
                )
            if status.st_size == 0:
                raise AudioError(f"{self.path} is empty", "give another recording")
            with open(self.path, "rb"):
                pass
        except FileNotFoundError:
            raise AudioError(f"there is no file {self.path}", "check its name") from None
        except PermissionError:
            raise AudioError(
                f"{self.path} cannot be read: permission denied", "check the file's permissions"
            ) from None
        except (OSError, ValueError) as error:  # ValueError: a name with a zero in it
            raise AudioError(f"{self.path} cannot be read: {error}", "check the file") from None

    def _explain(self, reason: str) -> AudioError:
        """Return why libsndfile refuses the file; for a WAV file, its header may tell more."""
        with open(self.path, "rb") as file:
            if file.read(4) in (b"RIFF", b"RF64"):
                file.seek(0)
                try:
                    read_wav_header(file.read, str(self.path))
                except AudioError as error:
                    return error
        if "not recognised" in reason:
            return AudioError(f"{self.path} is not audio in a supported format", _READABLE)
        return AudioError(
            f"{self.path} cannot be read as audio ({reason.strip().rstrip('.')})", _READABLE
        )

    def _read_frames(self) -> FloatArray | None:
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
            f"{self.path} is truncated or damaged after {seconds:.2f} s ({reason})", _AGAIN
        )

    def _is_truncated(self) -> bool:
        """Whether the file, read to its end, declared more than it had."""
        for declared, actual in _SIZES.findall(self._file.extra_info):
            if (declared_bytes(int(declared)) or 0) > int(actual):
                return True
        kind = self._file.format
        if kind == "OGG":
            return not _ogg_is_whole(self.path)
        if kind in ("MP3", "MPEG"):
            missing = self._file.frames - self._frames_read
            return missing > _MP3_TOLERANCE_FRAMES and _mp3_knows_its_length(self.path)
        if "does not match value from 'ds64'" in self._file.extra_info:
            return True
        return bool(self._frames_read < self._file.frames < 1 << 48)

    def _is_unfinished_wav(self) -> bool:
        """Whether this is a WAV file whose writer did not fill in the length.

        libsndfile believes the length of 0 in the header. If so, the file is
        left open at its first sample.
        """
        raw = open(self.path, "rb")  # noqa: SIM115
        self._raw = raw
        try:
            header = read_wav_header(raw.read, str(self.path))
        except AudioError:
            return False
        self._raw_format = header.format
        rest = os.fstat(raw.fileno()).st_size - raw.tell()
        return header.data_bytes is None and rest >= header.format.frame_bytes

    def _read_raw_frames(self) -> FloatArray | None:
        assert self._raw is not None and self._raw_format is not None
        frame_bytes = self._raw_format.frame_bytes
        data = self._raw.read(BLOCK_FRAMES * frame_bytes)
        data = data[: len(data) // frame_bytes * frame_bytes]
        return self._raw_format.decode(data) if data else None


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
            a, b, c, d = head[6:10]  # 7 bits each
            file.seek(10 + (a << 21 | b << 14 | c << 7 | d))
        else:
            file.seek(0)
        first = file.read(4096)
    return any(mark in first for mark in (b"Xing", b"Info", b"VBRI"))
