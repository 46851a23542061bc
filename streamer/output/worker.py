"""One thread that does slow things in order, so that recognition never waits for them."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from typing import Callable, Generic, TypeVar

T = TypeVar("T")

#: How many things may wait: hours of finals, and still only a few megabytes.
MAX_WAITING = 10_000


class Worker(Generic[T]):
    """Handles things one after the other, in the order they came.

    Args:
        name: of the thread.
        handle: does the work; runs in the worker's thread and must not raise.
        on_full: called once when things have to be dropped because more than
            `MAX_WAITING` wait.
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

    def put(self, thing: T) -> bool:
        """Hand over a thing, at once; false where there is no room (or after `close`)."""
        if self._closing.is_set():
            return False
        try:
            self._queue.put_nowait(thing)
        except queue.Full:
            if self._on_full is not None:
                self._on_full()
                self._on_full = None
            return False
        return True

    def close(self, limit_s: float) -> int:
        """Let what waits be done, for a limited time. May be called twice.

        Returns:
            how many things were not finished, the one under way counted in.
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
        return max(self._queue.unfinished_tasks - 1, 1)  # the end mark is not work

    def _run(self) -> None:
        while True:
            thing = self._queue.get()
            if thing is None or self._abandoned.is_set():
                return
            self._handle(thing)
            self._queue.task_done()
