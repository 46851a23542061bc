"""The pool of workers: what it makes of their reports, and of their ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any, Callable

import pytest

from streamer.audio.pcm import PcmFormat
from streamer.engine.model_loader import ModelChoice
from streamer.engine.settings import RecogniserSettings
from streamer.errors import ModelError, StreamerError
from streamer.server.workers import pool as pool_module
from streamer.server.workers.messages import Ended, Failed, Progress, Ready
from streamer.server.workers.pool import WorkerPool
from streamer.server.workers.stream import BusyError, Stream

READY = Ready("english", "en", "onnx")


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 30))


def made(n_workers: int = 1, **options: Any) -> WorkerPool:
    """A pool whose workers are there, without processes."""
    pool = WorkerPool(ModelChoice(), n_workers, **options)
    for worker in pool._workers:
        worker.running = True
    return pool


def opened(pool: WorkerPool, **options: Any) -> Stream:
    return pool.open(PcmFormat("s16", 16000, 1), RecogniserSettings(), **options)


def test_a_worker_that_cannot_load_the_model_fails_the_start() -> None:
    async def work() -> None:
        pool = made()
        pool.take(pool._workers[0], Failed(ModelError("no model", "pull it")))
        with pytest.raises(ModelError, match="no model"):
            await pool._workers[0].ready

    run(work)


def test_a_worker_that_ends_before_it_is_ready_does_too() -> None:
    async def work() -> None:
        pool = made()
        pool.take(pool._workers[0], None)
        with pytest.raises(StreamerError, match="a worker ended while it loaded the model"):
            await pool._workers[0].ready

    run(work)


def test_a_worker_that_crashes_ends_its_streams_and_is_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool_module, "_PAUSE_S", 0.0)

    async def work() -> None:
        restarts: list[bool] = []
        pool = made(2, on_restart=lambda: restarts.append(True))
        started = asyncio.Event()
        crashed, other = pool._workers
        crashed.start = started.set  # type: ignore[method-assign]
        pool.take(crashed, READY)
        mine, theirs = opened(pool), opened(pool)
        await mine.feed(bytes(100))
        await theirs.feed(bytes(100))
        assert list(crashed.streams.values()) == [mine]
        pool.take(crashed, None)
        assert str(mine.error) == "the recogniser has crashed - connect again"
        assert theirs.error is None and pool.streams == [theirs]
        assert pool.admit(opened(pool)) is other  # meanwhile
        await started.wait()
        assert restarts == [True]

    run(work)


def test_a_pool_that_is_closing_starts_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_PAUSE_S", 0.0)

    async def work() -> None:
        restarts: list[bool] = []
        pool = made(2, on_restart=lambda: restarts.append(True))
        crashed, ended = pool._workers
        for worker in pool._workers:
            worker.start = lambda: restarts.append(True)  # type: ignore[method-assign]
            pool.take(worker, READY)
        pool.take(crashed, None)  # it would be started soon
        await pool.close()
        pool.take(ended, None)
        for _ in range(9):
            await asyncio.sleep(0)
        assert restarts == [True]  # of the crash, and no start

    run(work)


def test_reports_of_streams_that_have_ended_are_for_nobody() -> None:
    async def work() -> None:
        measured: list[Progress] = []
        pool = made(on_progress=measured.append)
        (worker,) = pool._workers
        report = Progress(7, [], True, 0.1, 0.0)
        pool.take(worker, report)
        pool.take(worker, Ended(7, None))
        assert measured == [report] and pool.streams == []

    run(work)


def test_while_all_workers_start_again_nobody_is_let_in() -> None:
    async def work() -> None:
        pool = made()
        pool._workers[0].running = False
        with pytest.raises(BusyError, match="has crashed and starts again"):
            await opened(pool).feed(bytes(100))

    run(work)


def test_a_drained_pool_ends_live_streams_and_lets_recordings_end() -> None:
    async def work() -> None:
        pool = made()
        live, recording = opened(pool), opened(pool, live=False)
        for stream in (live, recording):
            await stream.feed(bytes(100))
        pool.drain()
        await recording.feed(bytes(100))
        assert live.fed_s < recording.fed_s
        await live.feed(bytes(100))  # dropped
        assert live.fed_s < recording.fed_s
        with pytest.raises(BusyError, match="the server is stopping"):
            await opened(pool).feed(bytes(100))

    run(work)


@pytest.mark.parametrize("stuck", [False, True])
def test_a_worker_that_does_not_end_is_killed(stuck: bool) -> None:
    async def work() -> None:
        calls: list[str] = []
        pool = made()
        process: Any = SimpleNamespace(
            join=lambda *_: calls.append("join"),
            is_alive=lambda: stuck,
            kill=lambda: calls.append("kill"),
        )
        pool._workers[0].process = process
        await pool.close()
        assert calls == (["join", "kill", "join"] if stuck else ["join"])

    run(work)


def test_a_pool_that_was_never_started_is_closed_at_once() -> None:
    async def work() -> None:
        await made().close()

    run(work)
