"""Standard error while the live view draws there: lines go into the scrollback above it."""

from __future__ import annotations

import io
from typing import Callable, TextIO


class StderrProxy(io.TextIOBase):
    """Takes the place of ``sys.stderr``, so that nobody writes into the region.

    Args:
        original: the stream it stands for.
        take: called with each whole line, from whichever thread wrote it.
    """

    def __init__(self, original: TextIO, take: Callable[[str], None]) -> None:
        super().__init__()
        self.original = original
        self._take = take
        self._begun = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream it stands for."""
        return self.original.encoding

    def write(self, text: str) -> int:
        """Hand whole lines on and keep the rest until its line is whole."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._take(line)
        return len(text)

    def finish(self) -> None:
        """Hand on a line that was begun and not ended."""
        if self._begun:
            line, self._begun = self._begun, ""
            self._take(line)

    def fileno(self) -> int:
        """Return the descriptor of the stream it stands for."""
        return self.original.fileno()

    def isatty(self) -> bool:
        """Return whether the stream it stands for is a terminal."""
        return self.original.isatty()

    def writable(self) -> bool:
        """It can be written to."""
        return True
