"""Plain text: a line per final, a blank line between paragraphs."""

from __future__ import annotations

import shutil
from typing import TextIO

from rich.cells import cell_len

from streamer.events import Close, Event, Final, Partial
from streamer.output.edit import Edit
from streamer.output.streams import can_erase, write_now
from streamer.output.timestamps import format_timestamp
from streamer.printable import printable, printable_lines

#: Starts the line of a partial that the next one cannot overwrite.
PARTIAL_MARK = "~ "
#: Replaces the beginning of a partial that is wider than the terminal.
CUT_MARK = "..."
#: Control sequence: return to the beginning of the line and erase it.
_ERASE_LINE = "\r\x1b[K"


class TextWriter:
    """Writes finals as they are displayed, each in a line of its own.

    A line ends with its mark, which is known when the next utterance begins or the sentence is
    closed; until then it waits, so that whoever reads a pipe gets whole lines only.

    Partials overwrite their line on a terminal that can erase. Elsewhere each is
    on a separate, marked line, so that a pipe contains data only.

    Args:
        stream: where the text goes.
        partials: whether partials are written.
        timestamps: whether each line starts with its times.
        marks: whether there are marks to wait for.
        appending: write a final at once and its mark later, for a file that nobody
            reads line by line. Not with partials.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        partials: bool = False,
        timestamps: bool = False,
        marks: bool = True,
        appending: bool = False,
    ) -> None:
        self._stream = stream
        self._partials = partials
        self._timestamps = timestamps
        self._marks = marks
        # Somebody who reads along on a terminal waits for no mark.
        self._appending = marks and (appending or stream.isatty()) and not partials
        self._overwriting = can_erase(stream)
        self._files = 0
        self._erasable = False
        self._begun = False
        # The line that waits for its mark.
        self._line: str | None = None

    def write(self, item: Event | Edit) -> None:
        """Write a final, a mark, or a partial if enabled."""
        if isinstance(item, Final):
            self._end_line(item.mark)
            self._begin_line(item)
            if not self._marks:
                self._end_line("")
        elif isinstance(item, Close):
            self._end_line(item.display)
        elif isinstance(item, Partial) and self._partials and item.display:
            self._show(self._times(item) + printable_lines(item.display))

    @property
    def finals_waiting(self) -> int:
        """How many of the last finals have not been written in full."""
        return 0 if self._line is None or self._appending else 1

    def begin_file(self, name: str) -> None:
        """Write a heading."""
        self.close()
        write_now(self._stream, heading(name, first=self._files == 0))
        self._files += 1
        self._begun = False

    def close(self) -> None:
        """End an open line."""
        self._end_line("")
        if self._erasable:
            self._erasable = False
            write_now(self._stream, "\n")

    def _begin_line(self, event: Final) -> None:
        if not event.display:
            return
        paragraph = self._begun and "\n\n" in event.space and not self._timestamps
        words = printable(" ".join(event.display.split()))
        line = ("\n" if paragraph else "") + self._times(event) + words
        self._line = line
        self._begun = True
        if self._appending:
            write_now(self._stream, line)
        elif self._partials and self._overwriting:
            self._show("")

    def _end_line(self, mark: str) -> None:
        if self._line is None:
            return
        line, self._line, mark = self._line, None, printable_lines(mark)
        erase = _ERASE_LINE if self._erasable else ""
        self._erasable = False
        write_now(self._stream, f"{mark}\n" if self._appending else f"{erase}{line}{mark}\n")

    def _show(self, text: str) -> None:
        """Show the line that waits and what follows it."""
        line = " ".join(filter(None, ((self._line or "").lstrip("\n"), text)))
        if not self._overwriting:
            write_now(self._stream, f"{PARTIAL_MARK}{line}\n")
            return
        # One column stays free: some terminals wrap a full line.
        width = shutil.get_terminal_size().columns - 1
        self._erasable = True
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
