"""Waking another thread without ever waiting for it."""

from __future__ import annotations

import contextlib
import threading


class Wakeup:
    """Wakes one sleeping thread; ringing it never waits for anybody.

    A raw lock serves as a binary semaphore: its release is one step in C,
    where an Event takes a lock that somebody else may hold just then: the
    sleeper, or the very thread that a signal handler interrupted.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def notify(self) -> None:
        """Let the next (or the present) `sleep` return at once."""
        if self._lock.locked():
            # Should another thread ring between the two lines: just as well.
            with contextlib.suppress(RuntimeError):
                self._lock.release()

    def wait(self, timeout_s: float) -> None:
        """Return when the bell has been rung since the last sleep, or after the time."""
        self._lock.acquire(timeout=max(timeout_s, 0.0))
