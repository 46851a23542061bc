"""A worker without a model: what it does depends on the name of the recording.

It notes each call in a file beside the transcripts, with its node and its process. One whose
name begins with ``hold`` waits until there is a file ``go``.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from streamer.archive.storage import Folder
from streamer.archive.stored_events import encode_events
from streamer.archive.work import Job, Outcome, Problem, Settings
from streamer.events import Final

RATE_HZ = 16000


class FakeWorker:
    """See above.

    Args:
        settings: of the archive; its folder must be a local one.
    """

    def __init__(self, settings: Settings) -> None:
        self._folder = Path(settings.folder)

    def prepare(self) -> Problem | None:
        return None

    def transcribe(self, job: Job) -> Outcome:
        name = job.recording.name
        self._note(name)
        if name.startswith("long"):
            return Outcome(too_long=True)
        if name.startswith("bad"):
            return Outcome(problem=Problem(f"{name} is bad", "give another one"))
        if name.startswith("crash"):
            os._exit(7)
        if name.startswith("hold"):
            self._hold()
        Folder(str(self._folder)).write(job.output, f"words of {name}\n".encode())
        return Outcome(1.0)

    def transcribe_piece(self, job: Job, begin: int, samples: np.ndarray) -> Outcome:
        self._note(f"{job.recording.name}@{begin}")
        if "hold" in job.recording.name:
            self._hold()
        level = f"{begin} {len(samples)} {float(np.abs(samples).sum()):.3f}"
        events = (Final(0, 0, 0.0, 1.0, level, level),)
        name = job.piece_name(begin, begin + len(samples))
        Folder(str(self._folder)).write(name, encode_events(events))
        return Outcome(len(samples) / RATE_HZ, events=events)

    def _hold(self) -> None:
        while not (self._folder / "go").exists():
            time.sleep(0.02)

    def _note(self, what: str) -> None:
        import ray

        node = ray.get_runtime_context().get_node_id()
        with open(self._folder / "calls.log", "a", encoding="utf-8") as file:
            file.write(f"{what} {node} {os.getpid()}\n")


class Call(NamedTuple):
    """A call: of what, on which node, in which process."""

    what: str
    node: str
    process: int

    @property
    def alive(self) -> bool:
        """Whether its process still runs; one that nobody has waited for does not."""
        status = Path(f"/proc/{self.process}/stat")
        try:
            if status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z":
                return False
            os.kill(self.process, 0)
        except (ProcessLookupError, FileNotFoundError):
            return False
        return True


def calls(folder: Path) -> list[Call]:
    """All calls so far."""
    path = folder / "calls.log"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [Call(what, node, int(pid)) for what, node, pid in map(str.split, lines)]
