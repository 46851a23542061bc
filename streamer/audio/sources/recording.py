"""Recordings: sound files by name, in any format that can be decoded here."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from streamer.arrays import FloatArray
from streamer.audio.formats.ffmpeg import FfmpegReader, find_ffmpeg
from streamer.audio.formats.reader import FrameReader
from streamer.audio.formats.signatures import LONG_BYTES, identify
from streamer.audio.formats.sound_file import SoundFileReader, UnknownFormatError
from streamer.audio.formats.wav_file import WavReader, wav_offset
from streamer.audio.sources.source import FrameStream
from streamer.errors import AudioError

_READABLE = "give a WAV, FLAC, OGG, Opus or MP3 file; ffmpeg, once installed, reads all others"
_NO_SAMPLES = "give another recording"

#: The address of something on a network, not a file.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/{1,2}[^/]")

#: Suffixes of samples without a header.
_RAW_SUFFIXES = frozenset([".raw", ".pcm", ".s16", ".s16le", ".sw"])


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
        self._given = os.fspath(path)
        self.name = self.path.name
        self.seconds: float | None = None
        self._reader: FrameReader | None = None
        self._stream: FrameStream | None = None
        self._remark = ""  # of a stream that has been closed
        self._stopped = False
        self._unread_hz: int | None = None  # rate, if open and no sample has been read

    def open(self, rate_hz: int) -> None:
        """Start at the first sample; may be called again, before or after `close`.

        A recording that is open and unread stays as it is.

        Raises:
            AudioError: the file is missing, empty, not readable or not audio.
        """
        if self._unread_hz == rate_hz:
            self._stopped = False
            return
        self.close()
        self._remark = ""
        self._check_file()
        self._stopped = False
        self._reader = reader = self._open_reader()
        self.seconds = reader.seconds
        self._stream = FrameStream(reader.read, str(self.path), reader.rate_hz, rate_hz)
        self._unread_hz = rate_hz

    def read(self) -> FloatArray | None:
        """Return the next samples; None at the end.

        Raises:
            AudioError: the file is truncated or damaged here.
        """
        if self._stream is None or self._stopped:
            return None
        self._unread_hz = None
        return self._stream.read()

    @property
    def remark(self) -> str:
        """What the user should know about the samples returned so far; empty for nothing."""
        return self._stream.remark if self._stream is not None else self._remark

    def stop(self) -> None:
        """Make `read` reach its end; may be called by any thread."""
        self._stopped = True

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._remark = self.remark
        self._stream = self._unread_hz = None
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

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
                raise AudioError(f"{self.path} is empty", _NO_SAMPLES)
            with open(self.path, "rb"):
                pass
        except FileNotFoundError:
            if _ADDRESS.match(self._given):
                raise AudioError(
                    f"{self._given} is an address, not a file",
                    f"ffmpeg -i '{self._given}' -f wav - | streamer transcribe -",
                ) from None
            raise AudioError(f"there is no file {self.path}", "check its name") from None
        except PermissionError:
            raise AudioError(
                f"{self.path} cannot be read: permission denied", "check the file's permissions"
            ) from None
        except (OSError, ValueError) as error:  # ValueError: a name with a zero in it
            raise AudioError(f"{self.path} cannot be read: {error}", "check the file") from None

    def _open_reader(self) -> FrameReader:
        """Return a reader: our own for WAV, else libsndfile's, else ffmpeg.

        Raises:
            AudioError: none of them can read the file.
        """
        wav_refusal: AudioError | None = None
        if wav_offset(self.path) is not None:
            try:
                wav = WavReader(self.path)
            except AudioError as error:
                wav_refusal = error
            else:
                return self._with_samples(wav)
        try:
            return self._with_samples(SoundFileReader(self.path))
        except UnknownFormatError as error:
            refusal = wav_refusal or self._refusal(str(error))
        if find_ffmpeg() is None or self._is_raw():
            raise refusal
        try:
            return FfmpegReader(str(self.path), path=self.path)
        except AudioError as error:
            raise wav_refusal or error from None

    def _is_raw(self) -> bool:
        return self.path.suffix.lower() in _RAW_SUFFIXES

    def _with_samples(self, reader: WavReader | SoundFileReader) -> FrameReader:
        if reader.has_samples:
            return reader
        reader.close()
        raise AudioError(f"{self.path} has no samples", _NO_SAMPLES)

    def _refusal(self, reason: str) -> AudioError:
        """Return why libsndfile refuses the file."""
        if self._is_raw():
            return AudioError(
                f"{self.path} has no header that tells its sample rate",
                "give it: streamer transcribe --rate 16000 --channels 1 - < FILE",
            )
        with open(self.path, "rb") as file:
            signature = identify(file.read(LONG_BYTES))
        if signature is not None and signature.audio:
            todo = "install ffmpeg, which decodes it, or convert it to WAV or FLAC"
            return AudioError(f"{self.path} is {signature.what}", todo)
        if "not recognised" in reason:
            return AudioError(f"{self.path} is not audio in a supported format", _READABLE)
        return AudioError(f"{self.path} cannot be read as audio ({reason})", _READABLE)
