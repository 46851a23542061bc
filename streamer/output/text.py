"""Plain text: one line per final."""

from __future__ import annotations

import shutil
from typing import TextIO

from rich.cells import cell_len

from streamer.events import Event, Final, Partial
from streamer.output.edit import Edit
from streamer.output.streams import can_erase, write_now
from streamer.output.timestamps import format_timestamp
from streamer.printable import printable

#: Starts the line of a partial that the next one cannot overwrite.
PARTIAL_MARK = "~ "
#: Replaces the beginning of a partial that is wider than the terminal.
CUT_MARK = "..."
#: Control sequence: return to the beginning of the line and erase it.
_ERASE_LINE = "\r\x1b[K"


class TextWriter:
    """Writes finals as text.

    Partials overwrite their line on a terminal that can erase. Elsewhere each is
    on a separate, marked line, so that a pipe contains data only.

    Args:
        stream: where the text goes.
        partials: whether partials are written.
        timestamps: whether each line starts with its times.
    """

    def __init__(self, stream: TextIO, *, partials: bool = False, timestamps: bool = False) -> None:
        self._stream = stream
        self._partials = partials
        self._timestamps = timestamps
        self._overwriting = can_erase(stream)
        self._line_open = False
        self._files = 0

    def write(self, item: Event | Edit) -> None:
        """Write a final, or a partial if enabled."""
        if isinstance(item, Final):
            self._write_final(item)
        elif isinstance(item, Partial) and self._partials and item.text:
            self._write_partial(item)

    def begin_file(self, name: str) -> None:
        """Write a heading."""
        self.close()
        write_now(self._stream, heading(name, first=self._files == 0))
        self._files += 1

    def close(self) -> None:
        """End an open line."""
        if self._line_open:
            self._line_open = False
            write_now(self._stream, "\n")

    def _write_final(self, event: Final) -> None:
        line = f"{self._times(event)}{event.text}\n" if event.text else ""
        erase = _ERASE_LINE if self._line_open else ""
        self._line_open = False
        write_now(self._stream, erase + line)

    def _write_partial(self, event: Partial) -> None:
        line = self._times(event) + event.text
        if not self._overwriting:
            write_now(self._stream, f"{PARTIAL_MARK}{line}\n")
            return
        # One column stays free: some terminals wrap a full line.
        width = shutil.get_terminal_size().columns - 1
        self._line_open = True
        write_now(self._stream, _ERASE_LINE + last_columns(line, width))

    def _times(self, event: Partial | Final) -> str:
        return (
            f"[{format_timestamp(event.start)} --> {format_timestamp(event.end)}] "
            if self._timestamps
            else ""
        )


def heading(name: str, first: bool) -> str:
    """Return the heading of one of several recordings, as ``head`` and ``tail`` write it."""
    return f"{'' if first else chr(10)}==> {printable(name)} <==\n"


def last_columns(line: str, width: int) -> str:
    """Return the end of a line that fits a width, after a mark if it was cut.

    Args:
        line: without line breaks.
        width: in terminal columns; wide characters take two.
    """
    if cell_len(line) <= width:
        return line
    room = max(width - len(CUT_MARK), 1)
    start = max(len(line) - room, 0)
    while cell_len(line[start:]) > room:
        start += 1
    return CUT_MARK + line[start:]
