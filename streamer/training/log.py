"""The log of a training: lines and progress bars."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

Item = TypeVar("Item")


class Log:
    """Prints lines; a subclass may show or keep them."""

    def say(self, line: str) -> None:
        """Print one line."""
        print(line, flush=True)

    def follow(self, what: str, items: Iterable[Item], count: int) -> Iterable[Item]:
        """Pass ``count`` items on, showing how many are done."""
        return items


class SilentLog(Log):
    """Discards every line."""

    def say(self, line: str) -> None:
        """Discard the line."""


@contextmanager
def open_log(path: Path) -> Iterator[Log]:
    """Open a log that goes to standard error and to a file.

    Args:
        path: the file; lines are appended. Its folder is created if missing.

    Yields:
        A log with progress bars if standard error is a terminal.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(file=sys.stderr, highlight=False, soft_wrap=True)

    class FileLog(Log):
        def say(self, line: str) -> None:
            console.print(line, markup=False)
            file.write(line + "\n")
            file.flush()

        def follow(self, what: str, items: Any, count: int) -> Any:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            )  # fmt: skip
            with Progress(*columns, console=console) as progress:
                yield from progress.track(items, total=count, description=what)
            file.write(f"{what}: {count}\n")

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        yield FileLog()
