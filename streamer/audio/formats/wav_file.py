"""WAV files, whatever their header says about their length."""

from __future__ import annotations

import os
from pathlib import Path

from streamer.arrays import FloatArray
from streamer.audio.formats.reader import BLOCK_FRAMES, REPLACE
from streamer.audio.wav import WAV_MAGIC, ends_early, id3_bytes, read_wav_header
from streamer.errors import AudioError

_ID3_HEADER_BYTES = 10


class WavReader:
    """A WAV file with PCM, floats, A-law or mu-law.

    Args:
        path: the file.

    Raises:
        AudioError: its header cannot be read, or has another encoding.
    """

    def __init__(self, path: Path) -> None:
        self._name = str(path)
        self._file = open(path, "rb")  # noqa: SIM115
        try:
            self._file.seek(wav_offset(path) or 0)
            header = read_wav_header(self._file.read, self._name)
        except BaseException:
            self._file.close()
            raise
        rest = os.fstat(self._file.fileno()).st_size - self._file.tell()
        self._format = header.format
        self._promised = header.data_bytes
        fits = 0 < header.size <= rest
        self._left = header.size if fits else None
        self._received = 0
        self.rate_hz = float(header.format.rate_hz)
        frames = (header.size if fits else rest) // header.format.frame_bytes
        self.seconds: float | None = frames / self.rate_hz
        self.has_samples = frames > 0

    def read(self) -> FloatArray | None:
        """See `FrameReader.read`."""
        frame_bytes = self._format.frame_bytes
        n = BLOCK_FRAMES * frame_bytes
        data = self._file.read(n if self._left is None else min(n, self._left))
        if self._left is not None:
            self._left -= len(data)
        self._received += len(data)
        data = data[: len(data) // frame_bytes * frame_bytes]
        if data:
            return self._format.decode(data)
        if ends_early(self._promised, self._received, frame_bytes):
            seconds = self._received // frame_bytes / self.rate_hz
            raise AudioError(
                f"{self._name} is truncated or damaged after {seconds:.2f} s (the file ends early)",
                REPLACE,
            )
        return None

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._file.close()


def wav_offset(path: Path) -> int | None:
    """Return where a WAV file begins: 0, or after an ID3 tag; None for other files."""
    with open(path, "rb") as file:
        head = file.read(_ID3_HEADER_BYTES)
        offset = 0
        if head[:3] == b"ID3" and len(head) == _ID3_HEADER_BYTES:
            offset = id3_bytes(head)
            file.seek(offset)
            head = file.read(4)
    return offset if head[:4] in WAV_MAGIC else None
