"""What is to be done for an archive, and what came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streamer.archive.manifest import STATE
from streamer.archive.storage import Recording
from streamer.events import Event


@dataclass(frozen=True)
class Settings:
    """How an archive is transcribed; the same for every worker.

    Attributes:
        transcriber: arguments of `streamer.Transcriber`.
        folder: address of the folder for the transcripts.
        format: one of `streamer.output.FORMATS`.
        partials: whether partials are written; None leaves it to the format.
        timestamps: whether lines of text start with their times.
        marks: whether finals get marks.
        piece_s: recordings longer than this are cut at pauses, in seconds.
        words: what else decides the words: versions of program and model.
    """

    transcriber: Mapping[str, Any]
    folder: str
    format: str = "text"
    partials: bool | None = None
    timestamps: bool = False
    marks: bool = True
    piece_s: float = 600.0
    words: tuple[str, ...] = ()

    def digest(self) -> str:
        """Return what changes when any setting does that decides what transcripts are."""
        values = [
            (key, getattr(value, "table", value)) for key, value in sorted(self.transcriber.items())
        ]
        content = (values, self.format, self.partials, self.timestamps, self.marks,
                   self.piece_s, self.words)  # fmt: skip
        return hashlib.sha256(repr(content).encode("utf-8")).hexdigest()[:32]


@dataclass(frozen=True)
class Job:
    """A recording to be transcribed.

    Attributes:
        recording: the recording.
        output: name of its transcript.
        key: names the folder of its finished pieces.
    """

    recording: Recording
    output: str
    key: str

    def piece_name(self, begin: int, end: int) -> str:
        """Return the name of the file for the events of a piece, from sample to sample."""
        return f"{self.pieces}/{begin}-{end}.json"

    @property
    def pieces(self) -> str:
        """The folder of its finished pieces."""
        return f"{STATE}/pieces/{self.key}"


def make_job(recording: Recording, output: str, digest: str) -> Job:
    """Return the job of a recording; pieces of other settings or another state are not its own."""
    state = f"{recording.url}\n{recording.size}\n{recording.stamp}\n{digest}"
    return Job(recording, output, hashlib.sha256(state.encode("utf-8")).hexdigest()[:32])


@dataclass(frozen=True)
class Problem:
    """Why something could not be done.

    Attributes:
        what: what is wrong.
        todo: what to do about it.
    """

    what: str
    todo: str

    def __str__(self) -> str:
        return f"{self.what} - {self.todo}"


@dataclass(frozen=True)
class Outcome:
    """What came of a recording or a piece.

    Attributes:
        seconds: how much was transcribed.
        problem: what was wrong with it; None for nothing.
        remark: what the user should know about the recording; empty for nothing.
        too_long: the recording is to be cut into pieces; nothing else has been done.
        events: of a piece.
    """

    seconds: float = 0.0
    problem: Problem | None = None
    remark: str = ""
    too_long: bool = False
    events: tuple[Event, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class CutEnd:
    """The end of the pieces of a recording.

    Attributes:
        seconds: length of the recording.
        problem: why there are no more; None at its end.
        remark: see `Outcome`.
    """

    seconds: float
    problem: Problem | None = None
    remark: str = ""
