"""Standard error while the live view is up: lines go to the scrollback above it."""

from __future__ import annotations

import io
from typing import Callable, TextIO


class StderrProxy(io.TextIOBase):
    """Replaces ``sys.stderr``, so that nothing is written into the live region.

    Args:
        original: the stream it replaces.
        take: called with each complete line, in the thread that wrote it.
    """

    def __init__(self, original: TextIO, take: Callable[[str], None]) -> None:
        super().__init__()
        self.original = original
        self._take = take
        self._incomplete = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the original stream."""
        return self.original.encoding

    def write(self, text: str) -> int:
        """Pass on complete lines and keep the rest."""
        *lines, self._incomplete = (self._incomplete + text).split("\n")
        for line in lines:
            self._take(line)
        return len(text)

    def finish(self) -> None:
        """Pass on an incomplete line."""
        if self._incomplete:
            line, self._incomplete = self._incomplete, ""
            self._take(line)

    def fileno(self) -> int:
        """Return the descriptor of the original stream."""
        return self.original.fileno()

    def isatty(self) -> bool:
        """Return whether the original stream is a terminal."""
        return self.original.isatty()

    def writable(self) -> bool:
        """Return True."""
        return True
