"""Continuous text for dictation, with the speaker's line breaks and corrections."""

from __future__ import annotations

import shutil
from typing import Callable, TextIO

from rich.cells import cell_len

from streamer.events import Event
from streamer.output.edit import Edit
from streamer.output.streams import can_erase, write_now
from streamer.output.text import heading
from streamer.printable import UNPRINTABLE

#: How much written text is kept to delete from, in characters.
_HISTORY = 100_000


class ProseWriter:
    """Writes the edits of dictation.

    Text is deleted where possible: in a file on disk by truncating it, on a
    terminal within the current line. What has gone down a pipe stays, and
    ``warn`` is called once.

    Args:
        stream: where the text goes.
        warn: called once if text could not be deleted.
    """

    def __init__(self, stream: TextIO, warn: Callable[[str], None] | None = None) -> None:
        self._stream = stream
        self._warn = warn
        self._written = ""

    def write(self, item: Event | Edit) -> None:
        """Apply an edit; other events are ignored."""
        if not isinstance(item, Edit):
            return
        if item.delete and not self._delete(item.delete) and self._warn is not None:
            self._warn("deleted text has already gone down the pipe and stays there")
            self._warn = None
        self._put(_displayable(item.insert))

    @property
    def finals_waiting(self) -> int:
        """How many of the last finals have not been written in full."""
        return 0

    def begin_file(self, name: str) -> None:
        """Write a heading, on a line of its own."""
        self.close()
        self._put(heading(name, first=not self._written))

    def close(self) -> None:
        """End the last line."""
        if self._written and not self._written.endswith("\n"):
            self._put("\n")

    def _put(self, text: str) -> None:
        if text:
            self._written = (self._written + text)[-_HISTORY:]
            write_now(self._stream, text)

    def _delete(self, characters: int) -> bool:
        if characters > len(self._written):
            return False
        kept = self._written[: len(self._written) - characters]
        gone = self._written[len(kept) :]
        if self._stream.isatty():
            done = self._erase_on_terminal(kept, gone)
        else:
            done = self._truncate_file(gone)
        if done:
            self._written = kept
        return done

    def _erase_on_terminal(self, kept: str, gone: str) -> bool:
        line = kept.rpartition("\n")[2] + gone
        columns = shutil.get_terminal_size().columns
        if "\n" in gone or cell_len(line) >= columns or not can_erase(self._stream):
            return False  # the cursor cannot move back over a line break or a wrapped line
        write_now(self._stream, "\b" * cell_len(gone) + "\x1b[K")
        return True

    def _truncate_file(self, gone: str) -> bool:
        if not self._stream.seekable():
            return False
        self._stream.flush()
        self._stream.seek(self._stream.tell() - len(gone.encode("utf-8")))
        self._stream.truncate()
        return True


def _displayable(text: str) -> str:
    """Replace what controls terminals, one character for one: deleting counts them."""
    return UNPRINTABLE.sub(lambda found: found.group() if found.group() == "\n" else "\ufffd", text)
