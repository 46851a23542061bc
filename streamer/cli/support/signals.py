"""Ctrl-C and its like: once to end in good order, twice to be out at once."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from types import FrameType, TracebackType
from typing import Any, Callable, Optional

#: A progress bar hides the cursor, and is not asked when everything ends at once.
SHOW_CURSOR = b"\x1b[?25h"

#: What a shell expects of a program that was ended by a signal: 128 + its number.
_SIGNALLED = 128


def _graceful() -> dict[str, int]:
    """Signals that ask a program to end, as far as this system has them."""
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    return {name: int(getattr(signal, name)) for name in names if hasattr(signal, name)}


class GracefulShutdown:
    """Turns the first signal into a request, the second into an end; a context manager.

    Used in the main thread, the only one Python lets handle signals.

    Args:
        stop: asked to end in good order; called in a signal handler, so it
            only leaves word.

    Attributes:
        asked: whether a signal came.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._before: dict[int, Any] = {}
        self.requested = False

    def __enter__(self) -> GracefulShutdown:
        for number in _graceful().values():
            if signal.getsignal(number) is signal.SIG_IGN:
                continue  # nohup, or a shell that started this in the background
            with contextlib.suppress(ValueError, OSError):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._before = {}

    def _handle(self, number: int, frame: Optional[FrameType]) -> None:
        if self.requested:
            exit_now(_SIGNALLED + number)
        self.requested = True
        self._stop()


def exit_now(code: int) -> None:
    """End the process without waiting for anything; finished lines are out already."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    with contextlib.suppress(Exception):
        if sys.stderr.isatty():
            os.write(sys.stderr.fileno(), SHOW_CURSOR)
    os._exit(code)


def discard_standard_output() -> None:
    """Put the null device where nobody reads any more, so that nothing complains later."""
    with contextlib.suppress(Exception):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
