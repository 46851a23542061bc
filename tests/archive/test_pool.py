"""The pool of workers on a stand-in for Ray that does everything at once, or lets it fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable

import numpy as np
import pytest

pytest.importorskip("fsspec", reason="needs the extra cluster")

from streamer.archive import pool as pool_module
from streamer.archive.manifest import MANIFEST
from streamer.archive.pool import RETRIES, CutDone, PieceDone, Pool, WholeDone
from streamer.archive.run import Archive
from streamer.archive.storage import Folder, Recording
from streamer.archive.stored_events import encode_events
from streamer.archive.work import CutEnd, Job, Outcome, Problem, Settings
from streamer.errors import StreamerError
from streamer.events import Final

RATE_HZ = 16000


class RayError(Exception):
    """As Ray's."""


class ActorDiedError(RayError):
    """As Ray's."""


class Reference:
    """What will have been done when somebody asks for it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work


class Generator:
    """References to what a function yields."""

    def __init__(self, items: Iterator[Any]) -> None:
        self.items = items

    def __next__(self) -> Reference:
        item = next(self.items)
        return Reference(lambda: item)


class Method:
    def __init__(self, method: Callable[..., Any]) -> None:
        self.method = method

    def remote(self, *arguments: Any) -> Reference:
        def work() -> Any:
            given = [each.work() if isinstance(each, Reference) else each for each in arguments]
            return self.method(*given)

        return Reference(work)


class Actor:
    def __init__(self, made: Any) -> None:
        for name in ("prepare", "transcribe", "transcribe_piece"):
            setattr(self, name, Method(getattr(made, name)))


class Ray:
    """The part of Ray that the pool uses."""

    exceptions = SimpleNamespace(RayError=RayError, ActorDiedError=ActorDiedError)

    def __init__(self) -> None:
        self.killed: list[Any] = []

    def remote(self, **options: Any) -> Any:
        def wrap(what: Any) -> Any:
            if isinstance(what, type):
                return SimpleNamespace(remote=lambda *given: Actor(what(*given)))
            return SimpleNamespace(remote=lambda *given: Generator(what(*given)))

        return wrap

    def wait(self, waitables: list[Any], **_: Any) -> tuple[list[Any], list[Any]]:
        return waitables[:1], waitables[1:]

    def get(self, reference: Reference) -> Any:
        return reference.work()

    def kill(self, actor: Any) -> None:
        self.killed.append(actor)


class Worker:
    """Does what the name of a recording says."""

    tries = 0
    problem: Problem | None = None

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.folder

    def prepare(self) -> Problem | None:
        return self.problem

    def transcribe(self, job: Job) -> Outcome:
        type(self).tries += 1
        name = job.recording.name
        if name.startswith("crash"):
            raise RayError("the worker\ndied")
        if name.startswith("once") and self.tries == 1:
            raise RayError("the worker died")
        if name.startswith("long"):
            return Outcome(too_long=True)
        if name.startswith("bad"):
            return Outcome(problem=Problem(f"{name} is bad", "give another one"))
        return Outcome(1.0)

    def transcribe_piece(self, job: Job, begin: int, samples: Any) -> Outcome:
        words = f"{begin // RATE_HZ}"
        events = (Final(0, 0, 0.0, 1.0, words, words),)
        if "full" in job.recording.name and begin:
            return Outcome(problem=Problem("the disk is full", "free some space"))
        name = job.piece_name(begin, begin + len(samples))
        Folder(self.folder).write(name, encode_events(events))
        return Outcome(len(samples) / RATE_HZ, events=events)


def cut(job: Job, piece_s: float) -> Iterator[Any]:
    """Two pieces of a second; one that breaks off says so, or dies."""
    for begin in (0, RATE_HZ):
        if "dies" in job.recording.name and begin:
            raise RayError("the cutter died")
        yield begin, begin + RATE_HZ
        yield np.zeros(RATE_HZ, np.float32)
    broken = Problem("it is truncated", "record it again") if "cut" in job.recording.name else None
    yield CutEnd(2.0, broken, "")


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> type[Worker]:
    monkeypatch.setattr(pool_module.work_of_worker, "cut", cut)
    return type("MadeWorker", (Worker,), {})


def jobs(*names: str) -> list[Job]:
    return [
        Job(Recording(f"file:///{name}", name, 9, "t"), f"{name}.txt", f"key-{name}")
        for name in names
    ]


def settings(folder: Path) -> Settings:
    return Settings({}, str(folder), piece_s=1.0)


def test_recordings_are_done_and_in_the_end_no_worker_is_left(
    worker: type[Worker], tmp_path: Path
) -> None:
    ray = Ray()
    done = list(Pool(ray, settings(tmp_path), 2, worker=worker).run(jobs("a", "bad", "b")))
    assert {(each.job.recording.name, each.outcome.problem is None) for each in done} == {
        ("a", True), ("b", True), ("bad", False),
    }  # fmt: skip
    assert all(isinstance(each, WholeDone) for each in done) and len(ray.killed) == 2


def test_a_recording_is_tried_again_after_a_crash_but_not_for_ever(
    worker: type[Worker], tmp_path: Path
) -> None:
    (done,) = Pool(Ray(), settings(tmp_path), 1, worker=worker).run(jobs("once"))
    assert done.outcome == Outcome(1.0) and worker.tries == 2
    worker.tries = 0
    (done,) = Pool(Ray(), settings(tmp_path), 1, worker=worker).run(jobs("crash"))
    assert done.outcome.problem is not None and "RayError: the worker died" in str(
        done.outcome.problem
    )
    assert worker.tries == 1 + RETRIES


def test_a_model_that_is_not_there_ends_everything(worker: type[Worker], tmp_path: Path) -> None:
    ray = Ray()
    worker.problem = Problem("no model 'x'", "pull it")
    with pytest.raises(StreamerError, match="no model 'x' - pull it"):
        list(Pool(ray, settings(tmp_path), 2, worker=worker).run(jobs("a")))
    assert len(ray.killed) == 2


def test_workers_that_cannot_start_are_done_without_but_the_last(
    worker: type[Worker], tmp_path: Path
) -> None:
    failures = [RayError("not there yet"), ActorDiedError("no module\nnamed streamer")]

    def prepare(self: Worker) -> None:
        if failures:
            raise failures.pop(0)

    worker.prepare = prepare  # type: ignore[method-assign, assignment]
    ray = Ray()
    assert len(list(Pool(ray, settings(tmp_path), 2, worker=worker).run(jobs("a", "b")))) == 2
    assert failures == [] and len(ray.killed) == 1
    failures += [ActorDiedError("no module\nnamed streamer")] * 2
    with pytest.raises(StreamerError, match=r"no worker can start \(named streamer\) - install"):
        list(Pool(ray, settings(tmp_path), 2, worker=worker).run(jobs("a")))


def test_a_long_recording_is_cut_and_pieces_that_are_kept_are_not_done_again(
    worker: type[Worker], tmp_path: Path
) -> None:
    kept = Outcome(7.0)
    pool = Pool(
        Ray(), settings(tmp_path), 1,
        kept_piece=lambda job, begin, end: kept if begin else None, worker=worker,
    )  # fmt: skip
    done = list(pool.run(jobs("long")))
    pieces = {each.begin: each.outcome for each in done if isinstance(each, PieceDone)}
    assert set(pieces) == {0, RATE_HZ} and pieces[RATE_HZ] is kept and pieces[0].seconds == 1.0
    (end,) = (each for each in done if isinstance(each, CutDone))
    assert (end.n_pieces, end.end.problem) == (2, None)


def test_a_cutter_that_dies_is_a_problem_of_its_recording(
    worker: type[Worker], tmp_path: Path
) -> None:
    done = list(Pool(Ray(), settings(tmp_path), 1, worker=worker).run(jobs("long-dies")))
    (end,) = (each for each in done if isinstance(each, CutDone))
    assert end.n_pieces == 1 and "the cutter died" in str(end.end.problem)


def test_nothing_more_is_begun_once_it_shall_stop(worker: type[Worker], tmp_path: Path) -> None:
    ray = Ray()
    assert list(Pool(ray, settings(tmp_path), 1, lambda: True, worker=worker).run(jobs("a"))) == []
    assert worker.tries == 0 and len(ray.killed) == 1


def archive(folder: Path, *names: str) -> Archive:
    recordings = [Recording(f"file:///{name}", f"{name}.wav", 9, "t") for name in names]
    return Archive(recordings, settings(folder))


def test_pieces_are_joined_and_then_removed(worker: type[Worker], tmp_path: Path) -> None:
    reports = list(archive(tmp_path, "long").run(Ray(), 1, worker=worker))
    assert [report.finished for report in reports] == [False, False, True]
    assert sum(report.seconds for report in reports) == 2.0 and reports[-1].problem is None
    text = (tmp_path / "long.txt").read_text(encoding="utf-8").split()
    assert text == ["0", "1"]
    files = {
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()
    }
    assert files == {"long.txt", MANIFEST}
    again = archive(tmp_path, "long")
    assert again.jobs == [] and again.done_before == 1


def test_a_recording_that_breaks_off_has_the_words_so_far_and_is_not_done(
    worker: type[Worker], tmp_path: Path
) -> None:
    *_, last = archive(tmp_path, "long-cut").run(Ray(), 1, worker=worker)
    assert last.finished and last.problem == Problem("it is truncated", "record it again")
    assert (tmp_path / "long-cut.txt").read_text(encoding="utf-8").split() == ["0", "1"]
    assert len(archive(tmp_path, "long-cut").jobs) == 1


def test_a_piece_that_failed_leaves_no_transcript(worker: type[Worker], tmp_path: Path) -> None:
    *_, last = archive(tmp_path, "long-full").run(Ray(), 1, worker=worker)
    assert last.problem == Problem("the disk is full", "free some space")
    assert not (tmp_path / "long-full.txt").exists()
