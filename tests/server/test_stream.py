"""A stream is bounded in both directions and ends exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from streamer.audio.pcm import PcmFormat
from streamer.engine.settings import RecogniserSettings
from streamer.errors import StreamerError, UsageError
from streamer.events import Notice
from streamer.server.workers.messages import (
    Abandon,
    Audio,
    Command,
    Ended,
    EndUtterance,
    Finish,
    Lost,
    Open,
    Progress,
)
from streamer.server.workers.stream import (
    MAX_COMMANDS,
    MAX_WAITING_COMMANDS,
    MAX_WAITING_EVENTS,
    Stream,
)

SECOND = bytes(32000)


class Worker:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.forgotten: list[Stream] = []

    def admit(self, stream: Stream) -> Worker:
        return self

    def send(self, command: Command) -> None:
        self.commands.append(command)

    def forget(self, stream: Stream) -> None:
        self.forgotten.append(stream)

    def kinds(self) -> list[type]:
        return [type(command) for command in self.commands]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def make(worker: Worker, clock: Clock | None = None, longest_s: float = 100.0) -> Stream:
    format = PcmFormat("s16", 16000, 1)
    return Stream(7, worker, format, RecogniserSettings(), longest_s, clock or Clock())


def run(claim: Coroutine[Any, Any, None]) -> None:
    asyncio.run(claim)


def do_all(stream: Stream, worker: Worker) -> None:
    """Report everything as done, and what is sent then, too."""
    n_done = 0
    while n_done < len(worker.commands) - 1:  # the first one opens the stream
        stream.progress(Progress(7, [], True, 0.0, 0.0))
        n_done += 1


def audio(worker: Worker) -> list[Audio]:
    return [each for each in worker.commands if isinstance(each, Audio)]


def notice(number: int) -> Notice:
    return Notice(number, 0.0, "a", "b")


def test_a_stream_without_audio_never_reaches_the_worker() -> None:
    async def claim() -> None:
        worker = Worker()
        stream = make(worker)
        await stream.end_utterance()
        stream.finish()
        assert [event async for event in stream] == []
        assert worker.commands == [] and worker.forgotten == [stream]

    run(claim())


def test_bytes_open_it_and_the_end_comes_once() -> None:
    async def claim() -> None:
        worker = Worker()
        stream = make(worker)
        await stream.feed(b"ab")
        stream.finish()
        stream.finish()
        await stream.feed(b"late")
        assert worker.kinds() == [Open, Audio, Finish]
        stream.progress(Progress(7, [notice(0)], True, 0.1, 0.0))
        stream.end(Ended(7, None))
        assert [event async for event in stream] == [notice(0)]
        stream.abandon()
        assert worker.kinds() == [Open, Audio, Finish]

    run(claim())


def test_a_sender_that_is_ahead_waits_for_the_worker() -> None:
    async def claim() -> None:
        stream = make(Worker())
        await stream.feed(SECOND)
        await stream.feed(SECOND)
        waiting = asyncio.ensure_future(stream.feed(SECOND))
        await asyncio.sleep(0)
        assert not waiting.done()
        stream.progress(Progress(7, [], True, 1.0, 0.0))
        await waiting

    run(claim())


@pytest.mark.parametrize("how", ["finish", "abandon"])
def test_a_waiting_sender_is_let_go_at_the_end(how: str) -> None:
    async def claim() -> None:
        stream = make(Worker())
        await stream.feed(SECOND * 3)
        await stream.feed(SECOND)
        waiting = asyncio.ensure_future(stream.feed(SECOND))
        await asyncio.sleep(0)
        getattr(stream, how)()
        await waiting

    run(claim())


def test_a_reader_that_does_not_read_is_let_go() -> None:
    async def claim() -> None:
        worker = Worker()
        stream = make(worker)
        await stream.feed(SECOND)
        many = [notice(number) for number in range(MAX_WAITING_EVENTS + 1)]
        stream.progress(Progress(7, many, False, 1.0, 0.0))
        assert worker.kinds()[-1] is Abandon and worker.forgotten == [stream]
        with pytest.raises(StreamerError, match="does not read"):
            async for _ in stream:
                pass

    run(claim())


def test_a_sender_in_real_time_never_waits_but_loses_what_the_worker_is_too_late_for() -> None:
    async def claim() -> None:
        worker, clock = Worker(), Clock()
        stream = make(worker, clock)
        for _ in range(33):
            await asyncio.wait_for(stream.feed(SECOND), 1)  # never: the worker does nothing
            clock.now += 1.0
        do_all(stream, worker)
        assert worker.kinds() == [Open, *[Audio] * 31, Lost]
        assert worker.commands[-1] == Lost(7, 32000)

    run(claim())


def test_a_long_message_reaches_the_worker_in_pieces_as_it_has_room() -> None:
    async def claim() -> None:
        worker = Worker()
        stream = make(worker)
        feeding = asyncio.ensure_future(stream.feed(SECOND * 60))
        for n_sent in (2, 3, 4):
            await asyncio.sleep(0)
            assert [len(each.data) for each in audio(worker)] == [32000] * n_sent
            stream.progress(Progress(7, [], True, 1.0, 0.0))
        feeding.cancel()

    run(claim())


def test_a_long_message_is_whole_even_if_the_stream_is_finished_meanwhile() -> None:
    async def claim() -> None:
        worker = Worker()
        stream = make(worker)
        feeding = asyncio.ensure_future(stream.feed(SECOND * 9))
        await asyncio.sleep(0)
        stream.finish()
        for _ in range(9):
            stream.progress(Progress(7, [], True, 1.0, 0.0))
            await asyncio.sleep(0)
        await feeding
        assert worker.kinds() == [Open, *[Audio] * 9, Finish]
        await stream.feed(SECOND)
        assert worker.kinds()[-1] is Finish

    run(claim())


def test_single_samples_and_ends_of_utterances_cost_the_worker_little() -> None:
    async def claim() -> None:
        worker = Worker()
        stream = make(worker)
        for number in range(3200):
            await stream.feed(number.to_bytes(2, "little"))
        for _ in range(1000):
            await stream.end_utterance()
        do_all(stream, worker)
        data = b"".join(each.data for each in audio(worker))
        assert data == b"".join(number.to_bytes(2, "little") for number in range(3200))
        assert len(audio(worker)) <= MAX_COMMANDS + 10
        assert worker.kinds()[-2:] == [Audio, EndUtterance]

    run(claim())


def test_commands_that_cannot_be_joined_wait_in_the_end() -> None:
    async def claim() -> None:
        worker = Worker()
        stream = make(worker)
        for _ in range((MAX_COMMANDS + MAX_WAITING_COMMANDS) // 2):
            await stream.feed(b"ab")
            await stream.end_utterance()
        waiting = [
            asyncio.ensure_future(each) for each in (stream.feed(b"ab"), stream.end_utterance())
        ]
        await asyncio.sleep(0)
        assert not any(each.done() for each in waiting)
        stream.progress(Progress(7, [], True, 0.0, 0.0))
        await asyncio.gather(*waiting)

    run(claim())


def test_what_is_lost_is_whole_frames_so_that_the_next_ones_are_right() -> None:
    async def claim() -> None:
        worker, clock = Worker(), Clock()
        stream = make(worker, clock, longest_s=1000.0)
        sent = bytearray()
        for _ in range(20):
            for data in (b"\x01\x02" * 15999 + b"\x01", b"\x02" + b"\x01\x02" * 15999):
                await stream.feed(data)
                clock.now += 1.0
        do_all(stream, worker)
        for each in audio(worker):
            sent += each.data
        assert any(isinstance(each, Lost) for each in worker.commands)
        assert bytes(sent) == b"\x01\x02" * (len(sent) // 2)

    run(claim())


def test_catching_up_returns_what_came_of_everything_sent() -> None:
    async def claim() -> None:
        stream = make(Worker())
        await stream.feed(SECOND)
        await stream.end_utterance()
        waiting = asyncio.ensure_future(stream.caught_up())
        stream.progress(Progress(7, [notice(0)], False, 0.5, 0.0))
        stream.progress(Progress(7, [], True, 0.5, 0.0))
        await asyncio.sleep(0)
        assert not waiting.done()
        stream.progress(Progress(7, [notice(1)], True, 0.0, 0.0))
        assert await waiting == [notice(0), notice(1)]

    run(claim())


def test_a_stream_that_is_too_long_is_refused() -> None:
    async def claim() -> None:
        stream = make(Worker(), longest_s=1.5)
        await stream.feed(SECOND)
        with pytest.raises(UsageError, match="longer than"):
            await stream.feed(SECOND)

    run(claim())


def test_only_audio_in_real_time_has_a_time_of_arrival() -> None:
    async def claim() -> None:
        worker, clock = Worker(), Clock()
        stream = make(worker, clock)
        await stream.feed(SECOND)
        clock.now += 1.0
        await stream.feed(SECOND)
        stream.progress(Progress(7, [], True, 1.0, 0.0))
        stream.progress(Progress(7, [], True, 1.0, 0.0))
        await stream.feed(SECOND)
        stream.progress(Progress(7, [], True, 1.0, 0.0))
        await stream.feed(SECOND)
        arrivals = [each.arrived for each in worker.commands if isinstance(each, Audio)]
        assert arrivals == [100.0, 101.0, 101.0, None]

    run(claim())


def test_what_the_worker_cannot_do_is_raised_after_all_events() -> None:
    async def claim() -> None:
        stream = make(Worker())
        await stream.feed(SECOND)
        stream.progress(Progress(7, [notice(0)], False, 1.0, 0.0))
        stream.end(Ended(7, StreamerError("no", "yes")))
        seen = []
        with pytest.raises(StreamerError, match="no - yes"):
            async for event in stream:
                seen.append(event)
        assert seen == [notice(0)]

    run(claim())


def test_an_error_reaches_whoever_waits_for_the_words() -> None:
    async def work() -> None:
        worker = Worker()
        stream = make(worker)
        await stream.feed(SECOND)
        stream.end(Ended(1, StreamerError("the recogniser has crashed", "connect again")))
        with pytest.raises(StreamerError, match="has crashed"):
            await stream.caught_up()

    run(work())


def test_nothing_comes_of_a_stream_that_was_given_up() -> None:
    async def work() -> None:
        worker = Worker()
        stream = make(worker)
        await stream.feed(SECOND)
        stream.abandon()
        stream.progress(Progress(1, [notice(0)], True, 1.0, 0.1))
        stream.end(Ended(1, StreamerError("late", "ignore it")))
        await stream.end_utterance()
        assert [event async for event in stream] == [] and stream.error is None
        assert worker.kinds()[-1] is Abandon and len(worker.forgotten) == 1

    run(work())
