"""Signals that end the program: graceful shutdown on the first, immediate exit on the second."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from types import FrameType
from typing import Any, Callable, Optional

#: Added to the number of a signal for the exit code that shells expect.
_SIGNALLED = 128


def _graceful() -> list[int]:
    """Return the signals that request an exit, as far as this platform has them."""
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    return [int(getattr(signal, name)) for name in names if hasattr(signal, name)]


class GracefulShutdown:
    """First signal: graceful shutdown; second: exit immediately. A context manager.

    For the main thread, the only one in which Python handles signals.

    Args:
        stop: requests the shutdown; called in a signal handler, so it must
            return at once.

    Attributes:
        requested: whether a signal has been received.
        exit_code: 128 and the number of that signal; 0 without one.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._before: dict[int, Any] = {}
        self.requested = False
        self.exit_code = 0

    def __enter__(self) -> GracefulShutdown:
        for number in _graceful():
            if signal.getsignal(number) is signal.SIG_IGN:
                continue  # nohup, or started in the background by a shell
            with contextlib.suppress(ValueError, OSError):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._before = {}

    def _handle(self, number: int, frame: Optional[FrameType]) -> None:
        if self.requested:
            exit_now(_SIGNALLED + number)
        self.requested = True
        self.exit_code = _SIGNALLED + number
        self._stop()


def exit_now(code: int) -> None:
    """Exit without waiting for anything; complete lines have been flushed already."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(code)


def discard_standard_output() -> None:
    """Redirect standard output to the null device after its reader has closed it."""
    with contextlib.suppress(Exception):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
