"""A background thread for slow work, so that recognition never waits for it."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from typing import Callable, Generic, TypeVar

T = TypeVar("T")

#: How long the end of the program waits for queued work, in seconds.
DRAIN_LIMIT_S = 30.0

#: How many items may wait: hours of finals, in only a few megabytes.
MAX_WAITING = 10_000


class Worker(Generic[T]):
    """Handles items one after the other, in order.

    Args:
        name: name of the thread.
        handle: does the work; runs in the worker's thread and must not raise.
        on_full: called once if an item is dropped because the queue is full.
        max_waiting: size of the queue.
    """

    def __init__(
        self,
        name: str,
        handle: Callable[[T], None],
        on_full: Callable[[], None] | None = None,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._handle = handle
        self._on_full = on_full
        self._queue: queue.Queue[T | None] = queue.Queue(max_waiting)
        self._closing = threading.Event()
        self._abandoned = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: T) -> bool:
        """Queue an item and return at once; False if the queue is full or closed."""
        if self._closing.is_set():
            return False
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            if self._on_full is not None:
                self._on_full()
                self._on_full = None
            return False
        return True

    def close(self, limit_s: float) -> int:
        """Wait up to ``limit_s`` seconds for the queued work. May be called twice.

        Returns:
            The number of unfinished items, including the current one.
        """
        if not self._closing.is_set():
            self._closing.set()
            deadline = time.monotonic() + limit_s
            with contextlib.suppress(queue.Full):
                self._queue.put(None, timeout=limit_s)
            self._thread.join(max(deadline - time.monotonic(), 0.0))
        if not self._thread.is_alive():
            return 0
        self._abandoned.set()
        return max(self._queue.unfinished_tasks - 1, 1)  # the end marker is not work

    def _run(self) -> None:
        while True:
            item = self._queue.get()
            if item is None or self._abandoned.is_set():
                return
            self._handle(item)
            self._queue.task_done()
