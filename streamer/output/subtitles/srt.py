"""SubRip subtitles (.srt)."""

from __future__ import annotations

from typing import TextIO

from streamer.events import Event, Final
from streamer.output.edit import Edit
from streamer.output.streams import write_now
from streamer.output.subtitles.cues import CueMaker
from streamer.output.timestamps import format_timestamp_ms


class SrtWriter:
    """Writes the cues of each final at once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._cues = CueMaker()
        self._number = 0

    def write(self, item: Event | Edit) -> None:
        """Write a final's cues."""
        if not isinstance(item, Final):
            return
        for cue in self._cues.cues(item):
            self._number += 1
            start, end = (format_timestamp_ms(ms, ",") for ms in (cue.start_ms, cue.end_ms))
            text = "\n".join(escape(line) for line in cue.lines)
            write_now(self._stream, f"{self._number}\n{start} --> {end}\n{text}\n\n")

    def begin_file(self, name: str) -> None:
        """Do nothing: several recordings do not fit into one file of subtitles."""

    def close(self) -> None:
        """Do nothing: every cue has been flushed."""


def escape(text: str) -> str:
    """Replace what players would read as times, as tags or as positions.

    The format has no escapes, so that similar characters stand in.
    """
    return text.replace("-->", "->").replace("<", "\u2039").replace("{\\", "{ \\")
