"""A stream as the server sees it: bytes in, events out, bounded in both directions."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Callable, Protocol

from streamer.audio.pcm import PcmFormat
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

#: Audio on its way to the worker: a sender further ahead waits. In seconds.
MAX_AHEAD_S = 2.0
#: Events that wait for a slow reader: a minute of them. Then the stream is given up.
MAX_WAITING_EVENTS = 512
#: Audio that comes this much faster than it was spoken is not in real time, in seconds.
REAL_TIME_SLACK_S = 1.0


class Host(Protocol):
    """The worker of a stream."""

    def send(self, command: Command) -> None:
        """Send a command; never waits."""

    def forget(self, stream: Stream) -> None:
        """Remove a stream that has ended."""


class Stream:
    """A stream in a worker.

    One task calls `feed` and `finish`, another iterates over it. The worker knows of the stream
    from the first bytes on: a connection without audio costs nothing there.

    Args:
        number: unique in its worker.
        host: the worker.
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
        host: Host,
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
        self._host = host
        self._longest_s = longest_s
        self._clock = clock
        self._opened = self._finished = self._ended = False
        self._began: float | None = None
        self._ahead_bytes = 0
        self._room = asyncio.Event()
        self._room.set()
        self._events: deque[Event] = deque()
        self._news = asyncio.Event()

    # From the client

    async def feed(self, data: bytes) -> None:
        """Send bytes; waits while the worker is behind. After `finish` they are dropped.

        Raises:
            UsageError: the stream is longer than the server allows.
        """
        await self._room.wait()
        if self._finished or self._ended or not data:
            return
        now = self._clock()
        seconds = len(data) / (self.format.frame_bytes * self.format.rate_hz)
        if self.fed_s + seconds > self._longest_s:
            raise UsageError(
                f"the stream is longer than {self._longest_s:g} s", "begin another stream"
            )
        self._open()
        if self._began is None:
            self._began = now - seconds
        self.fed_s += seconds
        in_real_time = self.fed_s - (now - self._began) <= REAL_TIME_SLACK_S
        self._ahead_bytes += len(data)
        if self._ahead_bytes >= MAX_AHEAD_S * self.format.frame_bytes * self.format.rate_hz:
            self._room.clear()
        self._host.send(Audio(self.number, data, now if in_real_time else None))

    def lose(self, samples: int) -> None:
        """Report samples that are missing before the next bytes, at 16 kHz."""
        self._command(Lost(self.number, samples))

    def notify(self, what: str, todo: str) -> None:
        """Tell the readers something."""
        self._command(Notify(self.number, what, todo))

    def end_utterance(self) -> None:
        """End the utterance after the bytes fed so far."""
        if self._opened:
            self._command(EndUtterance(self.number))

    def finish(self) -> None:
        """End the stream after the bytes fed so far; may be called twice."""
        if self._finished or self._ended:
            return
        self._finished = True
        self._room.set()
        if self._opened:
            self._host.send(Finish(self.number))
        else:
            self._end(None)

    def abandon(self, error: StreamerError | None = None) -> None:
        """Give the stream up, with its events; may be called twice."""
        if self._ended:
            return
        if self._opened:
            self._host.send(Abandon(self.number))
        self._events.clear()
        self._end(error)

    # To the client

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
        self._ahead_bytes -= report.taken
        if self._ahead_bytes < MAX_AHEAD_S * self.format.frame_bytes * self.format.rate_hz:
            self._room.set()
        self._events.extend(report.events)
        if len(self._events) > MAX_WAITING_EVENTS:
            self.abandon(StreamerError("the client does not read its events", "read them"))
        elif report.events:
            self._news.set()

    def end(self, report: Ended) -> None:
        """Take the last report of the worker."""
        if not self._ended:
            self._end(report.error)

    def _command(self, command: Command) -> None:
        if not self._finished and not self._ended:
            self._open()
            self._host.send(command)

    def _open(self) -> None:
        if not self._opened:
            self._opened = True
            self._host.send(Open(self.number, self.format, self.settings))

    def _end(self, error: StreamerError | None) -> None:
        self._ended = True
        self.error = error
        self._room.set()
        self._news.set()
        self._host.forget(self)
