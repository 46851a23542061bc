"""Real workers: their words, their order, their end."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Coroutine
from typing import Any

import numpy as np
import pytest

from streamer.audio.pcm import PcmFormat
from streamer.engine.model_loader import ModelChoice
from streamer.engine.settings import RecogniserSettings
from streamer.errors import AudioError, ModelError, StreamerError
from streamer.events import Final
from streamer.server.workers.messages import Audio, Finish, Open
from streamer.server.workers.pool import WorkerPool
from streamer.server.workers.process import run_worker
from streamer.server.workers.recognition import Recognition
from streamer.server.workers.stream import BusyError, Stream
from tests.server.speech import RATE_HZ, sample, sample_words, shared_model, variants, words_of

FORMAT = PcmFormat("s16", RATE_HZ, 1)
SETTINGS = RecogniserSettings(partials=False, stats=False)


def run(claim: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(claim, 120))


async def words(stream: Stream, samples: np.ndarray) -> str:
    async def feed() -> None:
        data = samples.tobytes()
        for start in range(0, len(data), 3001):
            await stream.feed(data[start : start + 3001])
        stream.finish()

    feeding = asyncio.ensure_future(feed())
    found = [event.text async for event in stream if isinstance(event, Final)]
    await feeding
    return " ".join(found)


def test_each_stream_gets_its_own_words_from_two_workers() -> None:
    async def claim() -> None:
        pool = WorkerPool(ModelChoice(), 2)
        await pool.start()
        recordings = variants(5)
        found = await asyncio.gather(*(words(pool.open(FORMAT, SETTINGS), r) for r in recordings))
        assert found == [words_of(each) for each in recordings]
        assert pool.streams == []
        await pool.close()

    run(claim())


def test_a_crashed_worker_takes_only_its_streams_and_is_replaced() -> None:
    async def claim() -> None:
        crashes: list[bool] = []
        pool = WorkerPool(ModelChoice(), 2, on_restart=lambda: crashes.append(True))
        await pool.start()
        first, second = pool.open(FORMAT, SETTINGS), pool.open(FORMAT, SETTINGS)
        await first.feed(b"ab")
        victim = pool.pids[0]
        os.kill(victim, signal.SIGKILL)
        with pytest.raises(StreamerError, match="crashed"):
            async for _ in first:
                pass
        assert await words(second, sample()) == sample_words()
        while pool.pids[0] == victim:
            await asyncio.sleep(0.05)
        assert await words(pool.open(FORMAT, SETTINGS), sample()) == sample_words()
        assert crashes == [True]
        await pool.close()

    run(claim())


def test_while_the_only_worker_starts_again_there_are_no_streams() -> None:
    async def claim() -> None:
        pool = WorkerPool(ModelChoice(), 1)
        await pool.start()
        first = pool.open(FORMAT, SETTINGS)
        await first.feed(b"ab")
        os.kill(pool.pids[0], signal.SIGKILL)
        with pytest.raises(StreamerError, match="crashed"):
            async for _ in first:
                pass
        with pytest.raises(BusyError, match="starts again"):
            await pool.open(FORMAT, SETTINGS).feed(b"ab")
        await pool.close()

    run(claim())


def test_audio_that_is_not_valid_ends_its_stream_alone() -> None:
    async def claim() -> None:
        pool = WorkerPool(ModelChoice(), 1)
        await pool.start()
        bad, good = pool.open(PcmFormat("f32", RATE_HZ, 1), SETTINGS), pool.open(FORMAT, SETTINGS)
        await bad.feed(np.array([np.inf], np.float32).tobytes())
        with pytest.raises(AudioError, match="not valid audio"):
            async for _ in bad:
                pass
        assert await words(good, sample()) == sample_words()
        await pool.close()

    run(claim())


def test_no_more_streams_than_allowed_are_recognised_but_idle_ones_do_not_count() -> None:
    async def claim() -> None:
        pool = WorkerPool(ModelChoice(), 1, max_streams=1)
        await pool.start()
        first, second = pool.open(FORMAT, SETTINGS), pool.open(FORMAT, SETTINGS)
        await first.feed(b"ab")
        with pytest.raises(BusyError, match="1 streams already"):
            await second.feed(b"ab")
        first.abandon()
        await second.feed(b"ab")
        pool.drain()
        assert [event async for event in second if isinstance(event, Final)] == []
        with pytest.raises(BusyError, match="stopping"):
            await pool.open(FORMAT, SETTINGS).feed(b"ab")
        await pool.close()

    run(claim())


def test_a_model_that_cannot_be_loaded_is_reported() -> None:
    async def claim() -> None:
        pool = WorkerPool(ModelChoice(model="no such model"), 1)
        with pytest.raises(ModelError, match="no such model"):
            await pool.start()
        await pool.close()

    run(claim())


PARENT = """
import asyncio
import multiprocessing
from streamer.engine.model_loader import ModelChoice
from streamer.server.workers.pool import WorkerPool
from streamer.server.workers.process import run_worker

async def main():
    pool = WorkerPool(ModelChoice(), 1)
    await pool.start()
    print(pool.pids[0], flush=True)
    await asyncio.sleep(1000)

asyncio.run(main())
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks into /proc")
def test_workers_end_with_a_server_that_is_killed() -> None:
    server = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    worker = int(server.stdout.readline())
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    # The end of the pipe comes when the last process that has it is gone.
    assert server.stdout.read() == ""
    server.stdout.close()
    assert not os.path.exists(f"/proc/{worker}") or "Z" in state(worker)


def state(pid: int) -> str:
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[0]


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


def test_who_is_in_real_time_comes_before_who_sends_as_fast_as_possible() -> None:
    clock = Clock()
    flood = Recognition(Open(1, FORMAT, SETTINGS), shared_model(), clock)
    live = Recognition(Open(2, FORMAT, SETTINGS), shared_model(), clock)
    silence = bytes(2 * RATE_HZ)
    for _ in range(10):
        flood.take(Audio(1, silence, None))
    flood.step()
    live.take(Audio(2, silence[:3200], 50.0))
    assert live.due < flood.due
    # Nor does a stream that was silent for long come before all others for as long.
    clock.now += 60
    live.step()
    live.take(Audio(2, silence, 110.0))
    assert live.due == clock.now


def test_all_events_are_made_before_a_stream_is_finished() -> None:
    recognition = Recognition(Open(1, FORMAT, SETTINGS), shared_model())
    recognition.take(Audio(1, sample().tobytes(), None))
    recognition.take(Finish(1))
    events, done = [], 0
    while not recognition.finished:
        progress = recognition.step()
        events += progress.events
        done += progress.done
    assert done == 1 and not recognition.runnable
    assert " ".join(e.text for e in events if isinstance(e, Final)) == sample_words()


@pytest.mark.parametrize("model", ["english", "no-such-model"])
def test_a_worker_whose_server_has_gone_while_it_loads_ends_quietly(
    model: str, capfd: pytest.CaptureFixture[str]
) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    worker = context.Process(target=run_worker, args=(theirs, ModelChoice(model=model)))
    worker.start()
    theirs.close()
    ours.close()
    worker.join()
    assert worker.exitcode == 0
    assert capfd.readouterr().err == ""
