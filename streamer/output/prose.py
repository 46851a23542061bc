"""Flowing text for dictation: spaces, line breaks and second thoughts are the speaker's."""

from __future__ import annotations

import os
import shutil
from typing import Callable, TextIO

from rich.cells import cell_len

from streamer.events import Event
from streamer.output.edit import Edit

#: How much of what was written is remembered, in characters, to take it back.
_REMEMBERED = 100_000


class ProseWriter:
    """Writes dictation's edits one after the other.

    Text is taken back where that can be done: in a file on disk by cutting the
    file shorter, on a terminal within the line that stands under the cursor. In
    a pipe what is out is out; it stays, and ``warn`` is told once.

    Args:
        stream: where the text goes.
        warn: told, once, that text could not be taken back.
    """

    def __init__(self, stream: TextIO, warn: Callable[[str], None] | None = None) -> None:
        self._stream = stream
        self._warn = warn
        self._written = ""

    def write(self, item: Event | Edit) -> None:
        """Write an edit; the events themselves say nothing here."""
        if not isinstance(item, Edit):
            return
        if item.delete and not self._take_back(item.delete) and self._warn is not None:
            self._warn("text that was taken back is already in the pipe and stays there")
            self._warn = None
        self._put(item.insert)

    def close(self) -> None:
        """End the last line."""
        if self._written and not self._written.endswith("\n"):
            self._put("\n")

    def _put(self, text: str) -> None:
        if text:
            self._written = (self._written + text)[-_REMEMBERED:]
            self._stream.write(text)
            self._stream.flush()

    def _take_back(self, characters: int) -> bool:
        if characters > len(self._written):
            return False
        kept = self._written[: len(self._written) - characters]
        gone = self._written[len(kept) :]
        if self._stream.isatty():
            done = self._erase_on_terminal(kept, gone)
        else:
            done = self._cut_file(gone)
        if done:
            self._written = kept
        return done

    def _erase_on_terminal(self, kept: str, gone: str) -> bool:
        line = kept.rpartition("\n")[2] + gone
        columns = shutil.get_terminal_size().columns
        if "\n" in gone or cell_len(line) >= columns or os.environ.get("TERM", "dumb") == "dumb":
            return False  # the cursor cannot be brought back over a line break or a wrapped line
        self._stream.write("\b" * cell_len(gone) + "\x1b[K")
        self._stream.flush()
        return True

    def _cut_file(self, gone: str) -> bool:
        if not self._stream.seekable():
            return False
        self._stream.flush()
        self._stream.seek(self._stream.tell() - len(gone.encode("utf-8")))
        self._stream.truncate()
        return True
