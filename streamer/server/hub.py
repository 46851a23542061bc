"""Streams with names, and their readers: captions on a second screen."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import deque
from collections.abc import AsyncIterator, Iterator

from streamer.errors import UsageError
from streamer.events import Event

#: Events that wait for a slow reader; then it is let go.
MAX_WAITING_EVENTS = 256

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class NameTakenError(UsageError):
    """There is a stream of that name."""


class Hub:
    """The streams that others may read."""

    def __init__(self) -> None:
        self._broadcasts: dict[str, Broadcast] = {}

    @property
    def names(self) -> list[str]:
        """Names of the streams."""
        return sorted(self._broadcasts)

    def find(self, name: str) -> Broadcast | None:
        """Return a stream; None if there is none of that name."""
        return self._broadcasts.get(name)

    @contextlib.contextmanager
    def publish(self, name: str) -> Iterator[Broadcast]:
        """Make a stream readable in this context.

        Raises:
            NameTakenError: there is one of that name.
            UsageError: the name is not valid.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"a stream cannot be called {name!r}", "use letters, digits, - and _, at most 64"
            )
        if name in self._broadcasts:
            raise NameTakenError(f"there is a stream {name} already", "choose another name")
        broadcast = self._broadcasts[name] = Broadcast()
        try:
            yield broadcast
        finally:
            del self._broadcasts[name]
            broadcast.end()


class Broadcast:
    """Hands the events of one stream to its readers; nothing is kept for later ones."""

    def __init__(self) -> None:
        self._readers: set[_Reader] = set()

    def send(self, event: Event) -> None:
        """Hand an event to all readers; never waits."""
        for reader in list(self._readers):
            if not reader.put(event):
                self._readers.discard(reader)

    def end(self) -> None:
        """Tell all readers that the stream has ended."""
        for reader in self._readers:
            reader.end()
        self._readers.clear()

    async def read(self, idle_s: float) -> AsyncIterator[Event | None]:
        """Yield the events from now on, until the stream ends or the reader is too slow.

        Args:
            idle_s: None is yielded after this much time without an event.
        """
        reader = _Reader()
        self._readers.add(reader)
        try:
            while True:
                while reader.events:
                    yield reader.events.popleft()
                if reader.ended:
                    return
                reader.news.clear()
                try:
                    await asyncio.wait_for(reader.news.wait(), idle_s)
                except asyncio.TimeoutError:
                    yield None
        finally:
            self._readers.discard(reader)


class _Reader:
    def __init__(self) -> None:
        self.events: deque[Event] = deque()
        self.news = asyncio.Event()
        self.ended = False

    def put(self, event: Event) -> bool:
        """Queue an event; returns false if the reader is too slow, and ends it."""
        if len(self.events) >= MAX_WAITING_EVENTS:
            self.end()
            return False
        self.events.append(event)
        self.news.set()
        return True

    def end(self) -> None:
        self.ended = True
        self.news.set()
