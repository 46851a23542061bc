"""A progress bar for long recordings, on standard error."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Optional

from streamer.printable import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn, TaskID

    from streamer.audio.sources.source import Source

#: Shorter recordings are done before anyone could read a bar, in seconds.
LONG_S = 20.0


def bar_console() -> Console:
    """Return standard error, for progress bars; the cursor stays visible.

    Rich hides it, and a program that is killed could not show it again.
    """
    from rich.console import Console

    class WithCursor(Console):
        def show_cursor(self, show: bool = True) -> bool:
            return False

    return WithCursor(file=sys.stderr)


def transient_bar(*columns: ProgressColumn) -> Progress:
    """Return a progress bar on standard error that leaves nothing behind."""
    from rich.progress import Progress

    return Progress(
        *columns,
        console=bar_console(),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        refresh_per_second=4,
    )


class ProgressBar:
    """Shows the progress of each recording, if standard error is a terminal.

    Args:
        files: how many recordings there are.
    """

    def __init__(self, files: int) -> None:
        self._files = files
        self._number = 0
        self._bar: Optional[Progress] = None
        self._task: Optional[TaskID] = None
        self._lock = threading.Lock()

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def begin(self, source: Source) -> None:
        """Start the bar of a recording that has been opened."""
        self._number += 1
        if source.seconds is None or source.seconds < LONG_S or not can_draw():
            return
        from rich.progress import (
            BarColumn,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        count = f"{self._number}/{self._files} " if self._files > 1 else ""
        self._bar = transient_bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
        )
        self._task = self._bar.add_task(f"{count}{printable(source.name)}", total=source.seconds)
        self._bar.start()

    def at(self, seconds: float) -> None:
        """Update the bar to the seconds transcribed so far."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=seconds)

    def end(self) -> None:
        """Remove the bar."""
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.stop()

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Hide the bar while a line is written that may appear on the same terminal."""
        if self._bar is None:
            yield
            return
        self._bar.stop()
        try:
            yield
        finally:
            if self._bar is not None:
                self._bar.start()


def can_draw() -> bool:
    """Return whether standard error is a terminal that can move its cursor."""
    from streamer.terminal.tty.streams import is_terminal

    return is_terminal(sys.stderr) and os.environ.get("TERM", "") not in ("dumb", "unknown")
