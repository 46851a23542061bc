"""The part that both ways of saving share: a failure is a notice, never the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from streamer.arrays import FloatArray
from streamer.errors import OutputError
from streamer.events import Event, Notice
from streamer.text.model import TextModel


class SavingStage:
    """A stage that lets events pass and adds a notice if saving fails."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._failed = False
        self._notices: list[Notice] = []
        self._added = 0

    def load(self) -> None:
        """Do nothing: there is nothing to prepare."""

    def begin(self, own_name: str, text_model: TextModel | None, live: bool) -> None:
        """Begin a new stream."""
        self._added = 0

    def hear(self, position: int, samples: FloatArray) -> None:
        """Take samples."""
        if not self._failed:
            try:
                self._save_samples(position, samples)
            except Exception as error:  # of libsndfile, or of the disk
                self._fail(error)

    def process(self, events: Sequence[Event]) -> list[Event]:
        """Return the events, numbered anew after a notice."""
        if not self._failed:
            try:
                self._save_events(events)
            except Exception as error:
                self._fail(error)
        passed = [replace(event, seq=event.seq + self._added) for event in events]
        for notice in self._notices:
            seq = passed[-1].seq + 1 if passed else None
            if seq is None:
                return passed  # with the next events: only they have numbers
            passed.append(replace(notice, seq=seq, time=_time(passed[-1])))
            self._added += 1
        self._notices.clear()
        return passed

    def finish(self) -> list[Event]:
        """Complete the files."""
        self.close()
        return []

    def close(self) -> None:
        """Complete the files; may be called twice."""

    def _save_samples(self, position: int, samples: FloatArray) -> None: ...

    def _save_events(self, events: Sequence[Event]) -> None: ...

    def _fail(self, error: Exception) -> None:
        self._failed = True
        why = getattr(error, "strerror", None) or error
        self._notices.append(
            Notice(0, 0.0, f"{self._target} cannot be written ({why})", "audio is no longer saved")
        )


def _time(event: Any) -> float:
    time_s: float = event.time if hasattr(event, "time") else event.end
    return time_s


def cannot_be_made(path: Path, error: OSError) -> OutputError:
    """Return the error for a file or folder that cannot be made."""
    return OutputError(
        f"{path} cannot be made ({error.strerror or error})", "check the folder and its permissions"
    )
