"""A FLAC file for each utterance, and a manifest that ``streamer train`` reads."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from streamer.arrays import FloatArray
from streamer.endpointing.settings import RATE_HZ
from streamer.engine.recent_audio import RecentAudio
from streamer.errors import OutputError
from streamer.events import Event, Final
from streamer.saving.stage import SavingStage, cannot_be_made
from streamer.text.model import TextModel

MANIFEST = "manifest.tsv"
_HEADER = "path\ttranscript\tseconds\n"
#: Longer than an utterance and the wait for its final, in seconds.
_KEPT_S = 180.0


class UtteranceFiles(SavingStage):
    """Writes a file and a line of the manifest for each final.

    Args:
        folder: where; made if it is not there, and added to if it is.
        session: what the names of files begin with; None for the date and time.

    Raises:
        OutputError: it cannot be made, or is a file.
    """

    def __init__(self, folder: Path, session: str | None = None) -> None:
        super().__init__(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise OutputError(
                f"{folder} is a file", "give a folder, or a name that ends in .flac"
            ) from None
        except OSError as error:
            raise cannot_be_made(folder, error) from None
        self._session = time.strftime("%Y-%m-%d-%H%M%S") if session is None else session
        self._count = 0
        self._audio = RecentAudio()

    def begin(self, own_name: str, text_model: TextModel | None, live: bool) -> None:
        """Begin a new stream."""
        super().begin(own_name, text_model, live)
        self._audio.reset(0)

    def _save_samples(self, position: int, samples: FloatArray) -> None:
        kept = round(_KEPT_S * RATE_HZ)
        self._audio.append_at(position, samples, kept)
        self._audio.forget(position - kept)

    def _save_events(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, Final) and event.text:
                self._save(event)

    def _save(self, final: Final) -> None:
        import soundfile

        begin, end = round(final.start * RATE_HZ), round(final.end * RATE_HZ)
        samples = self._audio.between(begin, end)
        if samples is None:
            return
        self._count += 1
        name = f"{self._session}-{self._count:04d}.flac"
        path = self._target / name
        with path.open("xb") as stream:
            soundfile.write(stream, samples, RATE_HZ, "PCM_16", format="FLAC")
        manifest = self._target / MANIFEST
        is_new = not manifest.exists()
        with manifest.open("a", encoding="utf-8", newline="") as stream_of_lines:
            transcript = " ".join(final.text.split())
            line = f"{name}\t{transcript}\t{len(samples) / RATE_HZ:.2f}\n"
            stream_of_lines.write((_HEADER if is_new else "") + line)
