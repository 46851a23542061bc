"""A pool of Ray actors, one model each, and the pieces of long recordings.

Ray places the actors and starts one again, elsewhere if need be, when its process or its machine
has gone; lost samples of a piece are made again. Here an actor that has nothing to do gets what is
next, and what an actor was doing when it went goes to another one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Callable

from streamer.archive import worker as work_of_worker
from streamer.archive.work import CutEnd, Job, Outcome, Problem, Settings
from streamer.archive.worker import Worker
from streamer.errors import StreamerError

#: How often an end is looked for, in seconds.
_POLL_S = 0.3

#: Recordings are cut ten times as fast as workers transcribe them, at least.
_WORKERS_PER_CUTTER = 8

#: Things that a cutter makes ahead: two pieces of samples and where they are.
_AHEAD = 4

#: How often a call is repeated whose process or machine has gone. A recording that crashes its
#: worker is given up then. Ray's own retries are over before it knows that a machine has gone.
RETRIES = 3


@dataclass(frozen=True)
class WholeDone:
    """A recording is done in one go."""

    job: Job
    outcome: Outcome


@dataclass(frozen=True)
class PieceDone:
    """A piece is done."""

    job: Job
    begin: int
    outcome: Outcome


@dataclass(frozen=True)
class CutDone:
    """A recording has been cut: this many pieces are all."""

    job: Job
    n_pieces: int
    end: CutEnd


@dataclass(frozen=True)
class _Task:
    """What an actor shall do; compared by identity."""

    job: Job
    begin: int | None = None  # None for a whole recording
    samples: Any = None  # Ray's reference
    tries: int = 1


@dataclass(frozen=True)
class _Call:
    """What an actor is doing."""

    actor: Any
    task: _Task | None = None  # None while it loads its model


class _Cutter:
    """A recording that is being cut somewhere."""

    def __init__(self, job: Job, generator: Any) -> None:
        self.job = job
        self.generator = generator
        self.n_pieces = 0


class Pool:
    """Workers on a cluster.

    Args:
        ray: the module, connected.
        settings: of the archive.
        n_workers: how many workers to start; more than the cluster has processors wait for them.
        stopping: whether to end; looked at several times a second.
        kept_piece: returns the events of a piece that an earlier run has finished.
        worker: the class of the workers.

    Raises (`run`):
        StreamerError: no worker can work, for example because there is no such model.
    """

    def __init__(
        self,
        ray: Any,
        settings: Settings,
        n_workers: int,
        stopping: Callable[[], bool] = lambda: False,
        kept_piece: Callable[[Job, int, int], Outcome | None] = lambda *_: None,
        worker: type[Any] = Worker,
    ) -> None:
        self._ray = ray
        self._settings = settings
        self._stopping = stopping
        self._kept_piece = kept_piece
        remote = ray.remote(num_cpus=1, max_restarts=-1)(worker)
        # Cutting takes a fraction of a processor, and all of them belong to workers.
        self._cut = ray.remote(
            num_cpus=0,
            num_returns="streaming",
            max_retries=RETRIES,
            scheduling_strategy="SPREAD",
            _generator_backpressure_num_objects=_AHEAD,
        )(work_of_worker.cut)
        self._n_workers = n_workers
        self._n_cutters = -(-n_workers // _WORKERS_PER_CUTTER)
        self._running: dict[Any, _Call] = {}
        self._idle: list[Any] = []
        self._gone: list[Any] = []
        self._tasks: deque[_Task] = deque()
        self._cutters: list[_Cutter] = []
        self._to_cut: deque[Job] = deque()
        self._actors = [remote.remote(settings) for _ in range(n_workers)]

    def run(self, jobs: Iterable[Job]) -> Iterator[WholeDone | PieceDone | CutDone]:
        """Do all jobs and yield what is done, in any order."""
        waiting = map(_Task, jobs)
        more = True
        for actor in self._actors:
            self._prepare(actor)
        try:
            while not self._stopping():
                while self._to_cut and len(self._cutters) < self._n_cutters:
                    self._begin_cutting(self._to_cut.popleft())
                while more and len(self._tasks) < len(self._idle):
                    task = next(waiting, None)
                    more = task is not None
                    if task is not None:
                        self._tasks.append(task)
                while self._idle and self._tasks:
                    self._begin(self._idle.pop(), self._tasks.popleft())
                if not (more or self._tasks or self._cutters or self._to_cut or self._busy):
                    return
                yield from self._wait()
        finally:
            for actor in self._actors:
                self._ray.kill(actor)

    @property
    def _busy(self) -> bool:
        """Whether any actor works on a task."""
        return any(call.task is not None for call in self._running.values())

    def _prepare(self, actor: Any) -> None:
        """Let an actor load its model; one that starts again does so when it can."""
        self._running[actor.prepare.remote()] = _Call(actor)

    def _begin_cutting(self, job: Job) -> None:
        self._cutters.append(_Cutter(job, self._cut.remote(job, self._settings.piece_s)))

    def _begin(self, actor: Any, task: _Task) -> None:
        if task.begin is None:
            reference = actor.transcribe.remote(task.job)
        else:
            reference = actor.transcribe_piece.remote(task.job, task.begin, task.samples)
        self._running[reference] = _Call(actor, task)

    def _wait(self) -> Iterator[WholeDone | PieceDone | CutDone]:
        """Wait until something is done, for a moment at most."""
        gone, self._gone = self._gone, []
        generators = {}
        if len(self._tasks) < self._n_workers:
            generators = {cutter.generator: cutter for cutter in self._cutters}
        waitables = [*self._running, *generators]
        done, _ = self._ray.wait(waitables, num_returns=1, timeout=_POLL_S, fetch_local=False)
        for each in done:
            if each in generators:
                yield from self._take_piece(generators[each])
            else:
                yield from self._take_result(each)
        for actor in gone:
            self._prepare(actor)

    def _take_piece(self, cutter: _Cutter) -> Iterator[PieceDone | CutDone]:
        """Take the next piece of a cutter, or its end."""
        try:
            what = self._ray.get(next(cutter.generator))
            if not isinstance(what, CutEnd):
                begin, end = what
                samples = next(cutter.generator)
        except (self._ray.exceptions.RayError, StopIteration) as error:
            what = CutEnd(0.0, _lost(cutter.job, error))
        if isinstance(what, CutEnd):
            self._cutters.remove(cutter)
            yield CutDone(cutter.job, cutter.n_pieces, what)
            return
        cutter.n_pieces += 1
        kept = self._kept_piece(cutter.job, begin, end)
        if kept is not None:
            yield PieceDone(cutter.job, begin, kept)
        else:
            self._tasks.append(_Task(cutter.job, begin, samples))

    def _take_result(self, reference: Any) -> Iterator[WholeDone | PieceDone]:
        """Take the result of an actor, which has nothing to do then."""
        call = self._running.pop(reference)
        actor, task = call.actor, call.task
        try:
            result = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            if task is None:
                self._not_prepared(actor, error)
                return
            self._gone.append(actor)
            if task.tries <= RETRIES:
                self._tasks.appendleft(replace(task, tries=task.tries + 1))
                return
            result = Outcome(problem=_lost(task.job, error))
        else:
            if isinstance(result, Problem):
                raise StreamerError(result.what, result.todo)
            self._idle.append(actor)
        if task is None:
            return
        if result.too_long:
            self._to_cut.append(task.job)
        elif task.begin is None:
            yield WholeDone(task.job, result)
        else:
            yield PieceDone(task.job, task.begin, result)

    def _not_prepared(self, actor: Any, error: Exception) -> None:
        """Try again with an actor that is not there yet; do without one that cannot start.

        Raises:
            StreamerError: it was the last one.
        """
        if not isinstance(error, self._ray.exceptions.ActorDiedError):
            self._gone.append(actor)
            return
        self._actors.remove(actor)
        if not self._actors:
            reason = (str(error).strip() or type(error).__name__).splitlines()[-1][:200]
            raise StreamerError(
                f"no worker can start ({reason})",
                'install the same "streamer-stt[cluster]" on all machines of the cluster',
            ) from error


def _lost(job: Job, error: BaseException) -> Problem:
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return Problem(
        f"{job.recording.url} was given up: its worker died {RETRIES + 1} times ({reason})",
        "run the command again, with fewer --workers if memory is short",
    )
