"""Samples from standard input: raw 16-bit little-endian, or any WAV file."""

from __future__ import annotations

import os
import select
import sys
from typing import Any, BinaryIO

from streamer.arrays import FloatArray
from streamer.audio.pcm import PcmFormat, read_wav_header
from streamer.audio.sources.source import FrameStream
from streamer.errors import AudioError, UsageError

#: Bytes per read: the capacity of a pipe, which returns what it has.
BLOCK_BYTES = 65536

_POLL_SECONDS = 0.1

#: First bytes of files that are clearly not raw samples.
_KNOWN_FILES = {
    b"fLaC": "a FLAC file", b"OggS": "an OGG file", b"ID3": "an MP3 file",
    b"FORM": "an AIFF file", b"RIFX": "a big-endian WAV file", b"caff": "a CAF file",
    b".snd": "an AU file", b"\x1aE\xdf\xa3": "a Matroska or WebM file",
}  # fmt: skip

_PIPE = "pipe samples in: arecord -f S16_LE -r 16000 -c 1 | streamer transcribe -"
_AS_A_FILE = "give its name, or convert it: ffmpeg -i FILE -f wav - | streamer transcribe -"


class StandardInputSource:
    """Samples from a pipe.

    A WAV header at the beginning overrides the arguments. The stream need not
    be a pipe, nor seekable.

    Args:
        stream: of bytes; None for standard input.
        rate_hz: rate of raw samples.
        channels: channels of raw samples, interleaved.
        name: for display.

    Raises:
        UsageError: the rate or the number of channels is below 1.
    """

    live = False
    lost = 0
    delay_s = 0.0

    def __init__(
        self,
        stream: BinaryIO | None = None,
        rate_hz: int = 16000,
        channels: int = 1,
        name: str = "standard input",
    ) -> None:
        if rate_hz < 1:
            raise UsageError(f"{rate_hz} Hz is not a sample rate", "give samples per second")
        if channels < 1:
            raise UsageError(f"{channels} channels are too few", "give 1 for mono or 2 for stereo")
        self.name = name
        self.seconds: float | None = None
        self._given = stream
        self._format = PcmFormat("s16", rate_hz, channels)
        self._stream: FrameStream | None = None
        self._bytes: Any = None
        self._fd: int | None = None
        self._pending = b""  # read, but not yet returned
        self._bytes_left: int | None = None  # bytes of samples still to come
        self._frames_read = 0
        self._ended = False
        self._stopped = False

    def open(self, rate_hz: int) -> None:
        """Read the header, if there is one.

        Raises:
            AudioError: the stream is empty, or a file that is not WAV.
        """
        # The buffered reader holds a lock while it waits for a full block, which
        # would hang the interpreter at exit; the raw one below it returns what
        # the pipe has.
        stream = self._given if self._given is not None else getattr(sys.stdin, "buffer", None)
        if stream is None or stream.closed or stream.isatty():
            raise AudioError(f"{self.name} is not a pipe", _PIPE)
        self._bytes = getattr(stream, "raw", stream)
        self._fd = _pollable(self._bytes)
        self._fill(4)
        if not self._pending:
            raise AudioError(f"{self.name} is empty", _PIPE)
        for magic, what in _KNOWN_FILES.items():
            if self._pending.startswith(magic):
                raise AudioError(f"{self.name} is {what}, not raw samples or WAV", _AS_A_FILE)
        if self._pending[:4] in (b"RIFF", b"RF64"):
            header = read_wav_header(self._read_exactly, self.name)
            self._format, self._bytes_left = header.format, header.data_bytes
        if self._bytes_left is not None:
            self.seconds = self._bytes_left / self._format.frame_bytes / self._format.rate_hz
        self._stream = FrameStream(self._read_frames, self.name, self._format.rate_hz, rate_hz)

    def read(self) -> FloatArray | None:
        """Return the next samples as soon as there are any; None at the end.

        Raises:
            AudioError: the input ended within a sample, or too early.
        """
        if self._stream is None or self._stopped:
            return None
        return self._stream.read()

    def stop(self) -> None:
        """Make `read` reach its end; may be called by any thread.

        On Windows a read from a pipe without a writer cannot be interrupted.
        """
        self._stopped = True

    def close(self) -> None:
        """Release the stream, which stays open: it belongs to the caller."""
        self._stream = None

    def _read_some(self) -> bytes:
        """Return what the stream has; no bytes at its end, or when stopped."""
        try:
            if self._fd is not None:
                while not select.select([self._fd], [], [], _POLL_SECONDS)[0]:
                    if self._stopped:
                        return b""
            return self._bytes.read(BLOCK_BYTES) or b""
        except (OSError, ValueError) as error:
            raise AudioError(
                f"{self.name} cannot be read: {error}", "pipe samples into it"
            ) from None

    def _fill(self, n: int) -> None:
        """Read until n bytes are pending; fewer only at the end of the stream."""
        while len(self._pending) < n and not self._ended:
            more = self._read_some()
            self._ended = not more
            self._pending += more

    def _take(self, n: int) -> bytes:
        data, self._pending = self._pending[:n], self._pending[n:]
        return data

    def _read_exactly(self, n: int) -> bytes:
        self._fill(n)
        return self._take(n)

    def _read_frames(self) -> FloatArray | None:
        frame_bytes = self._format.frame_bytes
        if self._bytes_left is not None and self._bytes_left < frame_bytes:
            return None  # what follows the samples of a WAV file is ignored
        self._fill(frame_bytes)
        if self._stopped:
            return None
        frames = len(self._pending) // frame_bytes
        if self._bytes_left is not None:
            frames = min(frames, self._bytes_left // frame_bytes)
            self._bytes_left -= frames * frame_bytes
        if frames:
            self._frames_read += frames
            return self._format.decode(self._take(frames * frame_bytes))
        self._check_end()
        return None

    def _check_end(self) -> None:
        """Raise if the input ended too early, or within a frame."""
        frame_bytes = self._format.frame_bytes
        if self._bytes_left is not None:
            missing_s = self._bytes_left / frame_bytes / self._format.rate_hz
            raise AudioError(
                f"{self.name} is truncated: its WAV header declares {missing_s:.2f} s more than"
                f" the {self._frames_read / self._format.rate_hz:.2f} s received",
                "everything before is transcribed; send the whole file for the rest",
            )
        if self._pending:
            raise AudioError(
                f"{self.name} ends within a sample, after {len(self._pending)} of the {frame_bytes}"
                " bytes of a frame",
                "send 16-bit little-endian samples, and check --channels",
            )
        if not self._frames_read:
            raise AudioError(f"{self.name} has no samples", _PIPE)


def _pollable(stream: Any) -> int | None:
    """Return the descriptor of a stream, if waiting for it can have a timeout."""
    if os.name != "posix":
        return None
    try:
        return int(stream.fileno())
    except (AttributeError, OSError, ValueError):  # e.g. bytes in memory
        return None
