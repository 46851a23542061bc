"""A stream as the server sees it: bytes in, events out, bounded in both directions.

What a client sends goes to the worker as commands, a few at a time. The others wait here, where
small ones become one: a client that sends single samples costs the worker little more than one
that sends the same audio in pieces of the usual length.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Callable, Protocol, Union

from streamer.audio.pcm import PcmFormat
from streamer.endpointing.settings import RATE_HZ
from streamer.engine.settings import RecogniserSettings
from streamer.errors import StreamerError, UsageError
from streamer.events import Event
from streamer.server.workers.messages import (
    Abandon,
    Audio,
    Command,
    Ended,
    EndUtterance,
    Finish,
    Lost,
    Notify,
    Open,
    Progress,
)

#: Audio on its way to the worker: a sender that is faster than real time and further ahead
#: waits, in seconds.
MAX_AHEAD_S = 2.0
#: The same for a sender in real time, who cannot wait: what is further ahead is lost, as at a
#: terminal. Waiting would also keep its pings from being answered. In seconds.
MAX_BEHIND_S = 30.0
#: Audio in one command, so that no worker decodes an hour at once, in seconds.
MAX_COMMAND_S = 1.0
#: Waiting pieces that are shorter than this together become one, in seconds.
MIN_COMMAND_S = 0.02
#: Commands on their way to the worker: it never waits for the next one.
MAX_COMMANDS = 4
#: Commands that wait for those, more than `MAX_BEHIND_S` of audio can be. Then the sender waits, in
#: real time or not.
MAX_WAITING_COMMANDS = 2000
#: Events that wait for a slow reader: a minute of them. Then the stream is given up.
MAX_WAITING_EVENTS = 512
#: Audio that comes this much faster than it was spoken is not in real time, in seconds.
REAL_TIME_SLACK_S = 1.0


@dataclass
class _Piece:
    """Audio that waits to be sent.

    Attributes:
        data: the bytes.
        arrived: see `Audio`.
    """

    data: bytearray
    arrived: float | None


_Queued = Union[_Piece, Lost, Notify, EndUtterance, Finish]


class BusyError(StreamerError):
    """No more streams are taken now."""


class Worker(Protocol):
    """Where a stream is recognised."""

    def send(self, command: Command) -> None:
        """Send a command; never waits."""


class Pool(Protocol):
    """Who has the workers."""

    def admit(self, stream: Stream) -> Worker:
        """Return the worker of a stream whose first bytes have come.

        Raises:
            BusyError: there are too many streams already.
        """

    def forget(self, stream: Stream) -> None:
        """Remove a stream that has ended."""


class Stream:
    """A stream in a worker.

    One task calls `feed` and `finish`, another iterates over it. It gets a worker with its first
    bytes: a connection without audio costs nothing there.

    Args:
        number: unique in its pool.
        pool: has the workers.
        format: of the bytes.
        settings: of the recogniser.
        longest_s: audio after which it is ended, in seconds.
        clock: monotonic, in seconds.

    Attributes:
        fed_s: length of the audio so far, in seconds.
        error: why it could not go on.
    """

    def __init__(
        self,
        number: int,
        pool: Pool,
        format: PcmFormat,
        settings: RecogniserSettings,
        longest_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.number = number
        self.format = format
        self.settings = settings
        self.fed_s = 0.0
        self.error: StreamerError | None = None
        self._pool = pool
        self._worker: Worker | None = None
        self._longest_s = longest_s
        self._clock = clock
        self._finished = self._ended = False
        self._feeding = self._finishing = False
        self._began: float | None = None
        self._waiting: deque[_Queued] = deque()
        self._sent: deque[int] = deque()  # bytes of each command that is not done yet
        self._ahead_bytes = 0  # of both
        self._caught_up = asyncio.Event()
        self._caught_up.set()
        self._room = asyncio.Event()  # for the bytes of a sender that is ahead
        self._room.set()
        self._space = asyncio.Event()  # for another command of anybody
        self._space.set()
        self._events: deque[Event] = deque()
        self._news = asyncio.Event()

    # From the client

    async def feed(self, data: bytes) -> None:
        """Send bytes. After `finish` they are dropped.

        A sender faster than real time waits while the worker is behind; one in real time loses
        what the worker is too far behind for, which is reported as a `Gap`.

        Raises:
            BusyError: these are its first bytes, and there are too many streams.
            UsageError: the stream is longer than the server allows.
        """
        seconds = len(data) / self._bytes_per_s
        if self._is_ahead(seconds):
            await self._room.wait()
        await self._space.wait()
        if self._finished or self._ended or not data:
            return
        now = self._clock()
        if self.fed_s + seconds > self._longest_s:
            raise UsageError(
                f"the stream is longer than {self._longest_s:g} s", "begin another stream"
            )
        if self._began is None:
            self._began = now - min(seconds, MAX_BEHIND_S)
        # Nobody has spoken for minutes between two messages.
        arrived = None if self._is_ahead(seconds) or seconds > MAX_BEHIND_S else now
        step = max(1, round(MAX_COMMAND_S * self._bytes_per_s))
        self._feeding = True
        try:
            for begin in range(0, len(data), step):
                if arrived is None and begin:
                    await self._room.wait()
                self._feed(data[begin : begin + step], arrived)
        finally:
            self._feeding = False
        if self._finishing:
            self.finish()

    def _feed(self, data: bytes, arrived: float | None) -> None:
        """Queue bytes, or lose their whole frames, if the worker is too far behind."""
        self.fed_s += len(data) / self._bytes_per_s
        if arrived is not None and self._ahead_bytes > MAX_BEHIND_S * self._bytes_per_s:
            n_frames = len(data) // self.format.frame_bytes
            self.lose(round(n_frames / self.format.rate_hz * RATE_HZ))
            data = data[n_frames * self.format.frame_bytes :]
        if data:
            self._command(_Piece(bytearray(data), arrived))

    def lose(self, samples: int) -> None:
        """Report samples that are missing before the next bytes, at 16 kHz."""
        if samples:
            self._command(Lost(self.number, samples))

    def notify(self, what: str, todo: str) -> None:
        """Tell the readers something."""
        self._command(Notify(self.number, what, todo))

    async def end_utterance(self) -> None:
        """End the utterance after the bytes fed so far."""
        await self._space.wait()
        if self._worker is not None:
            self._command(EndUtterance(self.number))

    def finish(self) -> None:
        """End the stream after the bytes fed so far; may be called twice."""
        if self._finished or self._ended:
            return
        if self._feeding:  # the rest of a long message comes first
            self._finishing = True
            return
        if self._worker is not None:
            self._command(Finish(self.number))
        else:
            self._end(None)
        self._finished = True
        self._room.set()
        self._space.set()

    def abandon(self, error: StreamerError | None = None) -> None:
        """Give the stream up, with its events; may be called twice."""
        if self._ended:
            return
        if self._worker is not None:
            self._worker.send(Abandon(self.number))
        self._waiting.clear()
        self._events.clear()
        self._end(error)

    # To the client

    async def caught_up(self) -> list[Event]:
        """Wait until everything sent so far is recognised; return the events that came of it.

        Raises:
            StreamerError: the stream could not go on.
        """
        await self._caught_up.wait()
        events = list(self._events)
        self._events.clear()
        if self.error is not None:
            raise self.error
        return events

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield the events until the stream has ended.

        Raises:
            StreamerError: it could not go on.
        """
        while True:
            while self._events:
                yield self._events.popleft()
            if self._ended:
                break
            self._news.clear()
            await self._news.wait()
        if self.error is not None:
            raise self.error

    # From the worker

    def progress(self, report: Progress) -> None:
        """Take a report of the worker."""
        if self._ended:
            return
        if report.done:
            self._ahead_bytes -= self._sent.popleft()
            self._send_waiting()
            if self._ahead_bytes < self._most_ahead_bytes:
                self._room.set()
            if len(self._waiting) < MAX_WAITING_COMMANDS:
                self._space.set()
            if not self._sent:
                self._caught_up.set()
        self._events.extend(report.events)
        if len(self._events) > MAX_WAITING_EVENTS:
            self.abandon(StreamerError("the client does not read its events", "read them"))
        elif report.events:
            self._news.set()

    def end(self, report: Ended) -> None:
        """Take the last report of the worker."""
        if not self._ended:
            self._end(report.error)

    @property
    def _bytes_per_s(self) -> int:
        return self.format.frame_bytes * self.format.rate_hz

    @property
    def _most_ahead_bytes(self) -> float:
        return MAX_AHEAD_S * self._bytes_per_s

    def _is_ahead(self, seconds: float) -> bool:
        """Return whether the stream, with this much more, comes faster than it was spoken."""
        if self._began is None:
            return False
        return self.fed_s + seconds - (self._clock() - self._began) > REAL_TIME_SLACK_S

    def _command(self, command: _Queued) -> None:
        if self._finished or self._ended:
            return
        if self._worker is None:
            self._worker = self._pool.admit(self)
            self._worker.send(Open(self.number, self.format, self.settings))
        if isinstance(command, _Piece):
            self._ahead_bytes += len(command.data)
        self._caught_up.clear()
        if not self._joined(command):
            self._waiting.append(command)
        self._send_waiting()
        if self._ahead_bytes >= self._most_ahead_bytes:
            self._room.clear()
        if len(self._waiting) >= MAX_WAITING_COMMANDS:
            self._space.clear()

    def _joined(self, command: _Queued) -> bool:
        """Make a command part of the last one that waits, if they are of a kind."""
        if not self._waiting:
            return False
        last = self._waiting[-1]
        if isinstance(command, _Piece):
            if not isinstance(last, _Piece):
                return False
            if len(last.data) >= MIN_COMMAND_S * self._bytes_per_s:
                return False
            last.data += command.data
            last.arrived = command.arrived
            return True
        if isinstance(command, Lost) and isinstance(last, Lost):
            self._waiting[-1] = Lost(self.number, last.samples + command.samples)
            return True
        return isinstance(command, EndUtterance) and isinstance(last, EndUtterance)

    def _send_waiting(self) -> None:
        assert self._worker is not None
        while self._waiting and len(self._sent) < MAX_COMMANDS:
            command = self._waiting.popleft()
            if isinstance(command, _Piece):
                self._sent.append(len(command.data))
                self._worker.send(Audio(self.number, bytes(command.data), command.arrived))
            else:
                self._sent.append(0)
                self._worker.send(command)

    def _end(self, error: StreamerError | None) -> None:
        self._ended = True
        self.error = error
        self._waiting.clear()
        for event in (self._room, self._space, self._caught_up, self._news):
            event.set()
        self._pool.forget(self)
