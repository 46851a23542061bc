"""Wake another thread without waiting for it."""

from __future__ import annotations

import contextlib
import threading


class Wakeup:
    """Wakes one waiting thread; `notify` never blocks.

    A raw lock serves as a binary semaphore: releasing it is one step in C.
    `threading.Event` takes a lock that may be held at that moment, by the
    waiting thread or by the very thread that a signal handler interrupted.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def notify(self) -> None:
        """Make the current or the next `wait` return at once."""
        if self._lock.locked():
            # Another thread may notify between the two lines; the effect is the same.
            with contextlib.suppress(RuntimeError):
                self._lock.release()

    def wait(self, timeout_s: float) -> None:
        """Return on `notify` since the last wait, or after the time."""
        self._lock.acquire(timeout=max(timeout_s, 0.0))
