"""An archive from its recordings to its transcripts: what is missing is done, and noted.

recordings -> manifest -> pool of workers -> transcripts, manifest
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable

from streamer.archive.joining import Joiner
from streamer.archive.manifest import Entry, Manifest
from streamer.archive.pool import CutDone, PieceDone, Pool, WholeDone
from streamer.archive.storage import Folder, Recording, output_names
from streamer.archive.stored_events import decode_events
from streamer.archive.work import CutEnd, Job, Outcome, Problem, Settings, make_job
from streamer.archive.worker import Worker, problem_of, written
from streamer.events import Event
from streamer.output import SUFFIXES


@dataclass(frozen=True)
class Report:
    """Something was done.

    Attributes:
        recording: of which recording.
        seconds: how much more of it has been transcribed by this run.
        finished: whether nothing more comes of this recording.
        problem: what was wrong with it; None for nothing.
        remark: what the user should know about it; empty for nothing.
    """

    recording: Recording
    seconds: float = 0.0
    finished: bool = True
    problem: Problem | None = None
    remark: str = ""


@dataclass
class _Long:
    """A recording whose pieces come one by one."""

    outcomes: dict[int, Outcome] = field(default_factory=dict)
    n_pieces: int | None = None  # once all have been cut
    end: CutEnd = field(default_factory=lambda: CutEnd(0.0))

    @property
    def complete(self) -> bool:
        return self.n_pieces == len(self.outcomes)


class Archive:
    """Recordings to be transcribed into a folder.

    Args:
        recordings: all of them.
        settings: how.

    Attributes:
        jobs: those that earlier runs have not done.
        done_before: how many they have.

    Raises:
        UsageError: the folder's address is not valid.
        OutputError: the folder cannot be read.
    """

    def __init__(self, recordings: Sequence[Recording], settings: Settings) -> None:
        self._settings = settings
        self._digest = settings.digest()
        self._folder = Folder(settings.folder)
        self._manifest = Manifest(self._folder)
        self._long: dict[Job, _Long] = {}
        unique = list({each.url: each for each in recordings}.values())
        names = output_names(unique, SUFFIXES[settings.format], self._known())
        done = self._manifest.done(unique, self._digest)
        self.jobs = [
            make_job(each, names[each.url], self._digest) for each in unique if each.url not in done
        ]
        self.done_before = len(unique) - len(self.jobs)

    def run(
        self,
        ray: Any,
        n_workers: int,
        stopping: Callable[[], bool] = lambda: False,
        worker: type[Any] = Worker,
    ) -> Iterator[Report]:
        """Do what is missing.

        Args:
            ray: the module, connected.
            n_workers: how many workers to start.
            stopping: whether to end early; what is done is kept.
            worker: the class of the workers.

        Yields:
            What was done, as soon as it is kept.

        Raises:
            StreamerError: nothing can be done: there is no such model, or the results cannot
                be written.
        """
        # Before anything is transcribed: it could not be kept.
        self._manifest.write(always=True)
        pool = Pool(ray, self._settings, n_workers, stopping, self._kept_piece, worker)
        try:
            for done in pool.run(self.jobs):
                if isinstance(done, WholeDone):
                    yield self._finish(done.job, done.outcome)
                    continue
                long = self._long.setdefault(done.job, _Long())
                if isinstance(done, PieceDone):
                    long.outcomes[done.begin] = done.outcome
                    seconds = done.outcome.seconds
                    yield Report(done.job.recording, seconds, finished=False)
                elif isinstance(done, CutDone):
                    long.n_pieces, long.end = done.n_pieces, done.end
                if long.complete:
                    del self._long[done.job]
                    yield self._finish_long(done.job, long)
        finally:
            self._manifest.write()

    def _known(self) -> dict[str, str]:
        """Return the names of earlier transcripts that have the format's suffix."""
        suffix = SUFFIXES[self._settings.format]
        outputs = self._manifest.outputs()
        return {url: name for url, name in outputs.items() if name.endswith(suffix)}

    def _kept_piece(self, job: Job, begin: int, end: int) -> Outcome | None:
        """Return what an earlier run made of a piece."""
        data = self._folder.read(job.piece_name(begin, end))
        events = None if data is None else decode_events(data)
        return None if events is None else Outcome(events=tuple(events))

    def _finish_long(self, job: Job, long: _Long) -> Report:
        """Join the pieces of a recording and write its transcript."""
        problems = [outcome.problem for outcome in long.outcomes.values() if outcome.problem]
        problem = problems[0] if problems else long.end.problem
        seconds = 0.0 if problem else long.end.seconds
        if not problems and long.outcomes:
            try:
                self._folder.write(job.output, written(_joined(long), self._settings))
            except Exception as error:
                problem = problem_of(error, job)
        report = self._finish(job, Outcome(seconds, problem, long.end.remark))
        if problem is None:
            self._folder.remove(job.pieces)
        # Its seconds have been reported piece by piece.
        return Report(job.recording, 0.0, True, report.problem, report.remark)

    def _finish(self, job: Job, outcome: Outcome) -> Report:
        """Note that a recording is done, unless something was wrong."""
        recording = job.recording
        if outcome.problem is None:
            self._manifest.add(
                Entry(
                    recording.url,
                    recording.size,
                    recording.stamp,
                    self._digest,
                    job.output,
                    round(outcome.seconds, 3),
                )
            )
        return Report(recording, outcome.seconds, True, outcome.problem, outcome.remark)


def _joined(long: _Long) -> list[Event]:
    joiner = Joiner()
    events: list[Event] = []
    for begin, outcome in sorted(long.outcomes.items()):
        events += joiner.join(begin, outcome.events)
    return events + joiner.finish()
