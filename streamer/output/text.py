"""Plain text: a line for each final."""

from __future__ import annotations

import os
import shutil
from typing import TextIO

from rich.cells import cell_len

from streamer.events import Event, Final, Partial
from streamer.output.edit import Edit
from streamer.output.timestamps import format_timestamp

#: Begins a partial's line where it cannot be overwritten by the next one.
PARTIAL_MARK = "~ "
#: Stands for the beginning of a partial that is wider than the terminal.
CUT_MARK = "..."
#: Back to the beginning of the line, and erase to its end.
_ERASE_LINE = "\r\x1b[K"


class TextWriter:
    """Writes finals as text.

    Partials overwrite their line only on a terminal that can do so. Anywhere
    else each stands on a line of its own, marked, so that nothing but data is
    in a pipe; whether the stream is a terminal is asked of the stream itself
    and never of FORCE_COLOR and its like.

    Args:
        stream: where the text goes.
        partials: whether utterances still being said are written.
        timestamps: whether each line begins with its times.
    """

    def __init__(self, stream: TextIO, *, partials: bool = False, timestamps: bool = False) -> None:
        self._stream = stream
        self._partials = partials
        self._timestamps = timestamps
        self._overwriting = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._line_open = False

    def write(self, item: Event | Edit) -> None:
        """Write a final, or a partial where those are wanted."""
        if isinstance(item, Final):
            self._write_final(item)
        elif isinstance(item, Partial) and self._partials and item.text:
            self._write_partial(item)

    def close(self) -> None:
        """Leave the cursor at the beginning of a line."""
        if self._line_open:
            self._line_open = False
            self._put("\n")

    def _write_final(self, event: Final) -> None:
        line = f"{self._times(event)}{event.text}\n" if event.text else ""
        erase = _ERASE_LINE if self._line_open else ""
        self._line_open = False
        self._put(erase + line)

    def _write_partial(self, event: Partial) -> None:
        line = self._times(event) + event.text
        if not self._overwriting:
            self._put(f"{PARTIAL_MARK}{line}\n")
            return
        # One column stays free: a full line would make some terminals wrap.
        width = shutil.get_terminal_size().columns - 1
        self._line_open = True
        self._put(_ERASE_LINE + last_columns(line, width))

    def _times(self, event: Partial | Final) -> str:
        return (
            f"[{format_timestamp(event.start)} --> {format_timestamp(event.end)}] "
            if self._timestamps
            else ""
        )

    def _put(self, text: str) -> None:
        if text:
            self._stream.write(text)
            self._stream.flush()


def last_columns(line: str, width: int) -> str:
    """Return what of a line fits a width, its end, and a mark where it was cut.

    Args:
        line: without line breaks.
        width: in columns of the terminal; wide characters take two.
    """
    if cell_len(line) <= width:
        return line
    room = max(width - len(CUT_MARK), 1)
    start = max(len(line) - room, 0)
    while cell_len(line[start:]) > room:
        start += 1
    return CUT_MARK + line[start:]
