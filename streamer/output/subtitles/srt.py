"""SubRip subtitles (.srt)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from streamer.events import Event
from streamer.output.edit import Edit
from streamer.output.streams import write_now
from streamer.output.subtitles.cues import Cue, CueMaker
from streamer.output.timestamps import format_timestamp_ms
from streamer.printable import printable


class SrtWriter:
    """Writes each cue when it is complete."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._cues = CueMaker()
        self._number = 0

    def write(self, item: Event | Edit) -> None:
        """Write the cues that an event completes."""
        self._write(self._cues.feed(item))

    @property
    def finals_waiting(self) -> int:
        """How many of the last finals have not been written in full."""
        return self._cues.finals_waiting

    def close(self) -> None:
        """Write the last cue."""
        self._write(self._cues.finish())

    def _write(self, cues: Sequence[Cue]) -> None:
        for cue in cues:
            self._number += 1
            start, end = (format_timestamp_ms(ms, ",") for ms in (cue.start_ms, cue.end_ms))
            text = "\n".join(escape(line) for line in cue.lines)
            write_now(self._stream, f"{self._number}\n{start} --> {end}\n{text}\n\n")

    def begin_file(self, name: str) -> None:
        """Do nothing: several recordings do not fit into one file of subtitles."""


def escape(text: str) -> str:
    """Replace what players would read as times, as tags or as positions.

    The format has no escapes, so that similar characters stand in.
    """
    return printable(text).replace("-->", "->").replace("<", "\u2039").replace("{\\", "{ \\")
