"""One FLAC file for a stream, with the times of its transcript."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from streamer.arrays import FloatArray
from streamer.endpointing.settings import RATE_HZ
from streamer.errors import OutputError
from streamer.saving.stage import SavingStage, cannot_be_made
from streamer.text.model import TextModel

#: Silence for lost audio is written in pieces of this many samples.
_PIECE = 10 * RATE_HZ


class SessionFile(SavingStage):
    """Writes all samples; lost ones are silence, so that the transcript's times fit.

    Args:
        path: of the file, which must not exist.

    Raises:
        OutputError: it exists.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        if path.exists():
            raise OutputError(f"{path} exists already", "give another name, or a folder")
        self._file: Any = None
        self._written = 0

    def begin(self, own_name: str, text_model: TextModel | None, live: bool) -> None:
        """Make the file; a second stream goes on in it.

        Raises:
            OutputError: it cannot be made.
        """
        import soundfile

        super().begin(own_name, text_model, live)
        if self._file is not None or self._failed:
            return
        try:
            stream = self._target.open("xb")
        except OSError as error:
            raise cannot_be_made(self._target, error) from None
        self._stream = stream
        self._file = soundfile.SoundFile(stream, "w", RATE_HZ, 1, "PCM_16", format="FLAC")
        self._written = 0

    def close(self) -> None:
        """Complete the file; may be called twice."""
        file, self._file = self._file, None
        if file is not None:
            file.close()
            self._stream.close()

    def _save_samples(self, position: int, samples: FloatArray) -> None:
        if self._file is None:
            return
        while self._written < position:
            piece = min(_PIECE, position - self._written)
            self._file.write(np.zeros(piece, np.float32))
            self._written += piece
        self._file.write(samples)
        self._written += len(samples)
