"""Job control: release the terminal on Ctrl-Z and take it back after ``fg``."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import Any, Callable


class JobControl:
    """Handles SIGTSTP and SIGCONT between `install` and `uninstall`.

    Python sets signal handlers only in the main thread; elsewhere, and on
    Windows, both methods do nothing.

    Args:
        suspend: releases the terminal; called before the process stops.
        resume: called after a stop by `suspend`, once the process runs again.
        on_continue: called on every SIGCONT, in the foreground or background.
    """

    def __init__(
        self,
        suspend: Callable[[], None],
        resume: Callable[[], None],
        on_continue: Callable[[], None],
    ) -> None:
        self._suspend = suspend
        self._resume = resume
        self._on_continue = on_continue
        self._previous: dict[int, Any] = {}

    def install(self) -> None:
        """Set the handlers, except for a SIGTSTP that the process ignores."""
        if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGTSTP) is not signal.SIG_IGN:
            self._previous[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, self._handle_stop)
        self._previous[signal.SIGCONT] = signal.signal(signal.SIGCONT, self._handle_continue)

    def uninstall(self) -> None:
        """Restore the previous handlers. May be called twice."""
        if threading.current_thread() is not threading.main_thread():
            return  # handlers left behind still stop and continue the process
        for number, handler in self._previous.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._previous = {}

    if sys.platform != "win32":

        def _handle_stop(self, number: int, frame: FrameType | None) -> None:
            self._suspend()
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            # Sent to this thread, so that it has stopped before the next line runs.
            signal.pthread_kill(threading.get_ident(), signal.SIGTSTP)
            signal.signal(signal.SIGTSTP, self._handle_stop)
            self._resume()

        def _handle_continue(self, number: int, frame: FrameType | None) -> None:
            self._on_continue()
