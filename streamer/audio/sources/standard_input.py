"""Samples from standard input: raw 16-bit little-endian, WAV, or what ffmpeg decodes."""

from __future__ import annotations

import os
import select
import sys
from typing import Any, BinaryIO

from streamer.arrays import FloatArray
from streamer.audio.formats.ffmpeg import FfmpegReader, find_ffmpeg
from streamer.audio.formats.signatures import (
    LONG_BYTES,
    SHORT_BYTES,
    Signature,
    identify,
    needs_more,
)
from streamer.audio.pcm import PcmFormat
from streamer.audio.sources.source import LOWEST_RATE_HZ, FrameStream
from streamer.audio.wav import (
    ID3_MAGIC,
    WAV_MAGIC,
    WavHeader,
    ends_early,
    id3_bytes,
    looks_like_chunk,
    read_wav_header,
)  # fmt: skip
from streamer.errors import AudioError, UsageError

#: Bytes per read: the capacity of a pipe, which returns what it has.
BLOCK_BYTES = 65536

_POLL_SECONDS = 0.1

#: A longer tag is left to ffmpeg.
_LONGEST_ID3_BYTES = 1 << 24

_PIPE = "pipe samples in: arecord -f S16_LE -r 16000 -c 1 | streamer transcribe -"
_AS_A_FILE = (
    "install ffmpeg, or convert it elsewhere: ffmpeg -i FILE -f wav - | streamer transcribe -"
)


class StandardInputSource:
    """Samples from a pipe.

    A WAV header at the beginning overrides the arguments; compressed data are
    recognised and decoded by ffmpeg, if it is installed. The stream need not be a
    pipe, nor seekable.

    Args:
        stream: of bytes; None for standard input.
        rate_hz: rate of raw samples.
        channels: channels of raw samples, interleaved.
        name: for display.

    Raises:
        UsageError: the rate is below 1 kHz or the number of channels below 1.
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
        if rate_hz < LOWEST_RATE_HZ:
            raise UsageError(
                f"{rate_hz} Hz is no sample rate of speech",
                f"give samples per second, {LOWEST_RATE_HZ} or more",
            )
        if channels < 1:
            raise UsageError(f"{channels} channels are too few", "give 1 for mono or 2 for stereo")
        self.name = name
        self.seconds: float | None = None
        self._given = stream
        self._format = PcmFormat("s16", rate_hz, channels)
        self._stream: FrameStream | None = None
        self._remark = ""  # of a stream that has been closed
        self._bytes: Any = None
        self._fd: int | None = None
        self._pending = b""  # read, but not yet returned
        self._header: WavHeader | None = None
        self._decoder: FfmpegReader | None = None
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
        self._fill(SHORT_BYTES)
        if not self._pending:
            raise AudioError(f"{self.name} is empty", _PIPE)
        self._skip_id3()
        if self._pending[:4] in WAV_MAGIC and self._pending[8:12] == b"WAVE":
            self._header = header = read_wav_header(self._read_exactly, self.name)
            self._format, self._bytes_left = header.format, header.data_bytes
        else:
            if needs_more(self._pending):
                self._fill(LONG_BYTES)
            signature = identify(self._pending)
            if signature is not None:
                self._decode(signature, rate_hz)
                return
            if self._pending[:4] in WAV_MAGIC:
                read_wav_header(self._read_exactly, self.name)  # raises
        if self._bytes_left is not None:
            self.seconds = self._bytes_left / self._format.frame_bytes / self._format.rate_hz
        self._stream = FrameStream(self._read_frames, self.name, self._format.rate_hz, rate_hz)

    def _skip_id3(self) -> None:
        """Skip an ID3 tag in front of a WAV header; others belong to their file."""
        if self._pending[:3] != ID3_MAGIC:
            return
        n = id3_bytes(self._pending)
        if n <= _LONGEST_ID3_BYTES:
            self._fill(n + SHORT_BYTES)
            if self._pending[n : n + 4] in WAV_MAGIC:
                self._take(n)

    def _decode(self, signature: Signature, rate_hz: int) -> None:
        """Decode what is not samples by ffmpeg.

        Raises:
            AudioError: it is no audio, or ffmpeg is not there, or cannot decode it.
        """
        if not signature.audio:
            raise AudioError(f"{self.name} is {signature.what}, not audio", _PIPE)
        if find_ffmpeg() is None:
            raise AudioError(f"{self.name} is {signature.what}, not raw samples or WAV", _AS_A_FILE)
        self._decoder = decoder = FfmpegReader(
            self.name, pull=self._pull, whole=signature.seekable, kind=signature.what
        )
        self.seconds = decoder.seconds
        self._stream = FrameStream(decoder.read, self.name, decoder.rate_hz, rate_hz)

    def _pull(self) -> bytes:
        """Return what has been read already, then what comes."""
        return self._take(len(self._pending)) or self._read_some()

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
        self._remark = self.remark
        self._stream = None
        decoder, self._decoder = self._decoder, None
        if decoder is not None:
            decoder.close()

    @property
    def remark(self) -> str:
        """What the user should know about the samples returned so far; empty for nothing."""
        return self._stream.remark if self._stream is not None else self._remark

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
        limit = self._bytes_left if self._bytes_left is not None else self._doubtful_bytes()
        if limit is not None:
            frames = min(frames, limit // frame_bytes)
            if self._bytes_left is not None:
                self._bytes_left -= frames * frame_bytes
        if frames:
            self._frames_read += frames
            return self._format.decode(self._take(frames * frame_bytes))
        if limit is None or self._bytes_left is not None:
            self._check_end()
        return None

    def _doubtful_bytes(self) -> int | None:
        """Return the bytes up to a length that is not believed; None if samples go on there.

        A placeholder may happen to be true: then another chunk follows.
        """
        if self._header is None:
            return None
        left = self._header.size - self._frames_read * self._format.frame_bytes
        if left > 0:
            return left if left >= self._format.frame_bytes else None
        if left == 0 and self._header.size:
            self._fill(4)
            return 0 if looks_like_chunk(self._pending) else None
        return None

    def _check_end(self) -> None:
        """Raise if the input ended too early, or within a frame."""
        frame_bytes = self._format.frame_bytes
        received = self._frames_read * frame_bytes + len(self._pending)
        promised = self._header.data_bytes if self._header is not None else None
        if ends_early(promised, received, frame_bytes):
            assert self._bytes_left is not None
            missing_s = self._bytes_left / frame_bytes / self._format.rate_hz
            raise AudioError(
                f"{self.name} is truncated: its WAV header declares {missing_s:.2f} s more than"
                f" the {self._frames_read / self._format.rate_hz:.2f} s received",
                "everything before is transcribed; send the whole file for the rest",
            )
        if self._pending and self._header is None:
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
