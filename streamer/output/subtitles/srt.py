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
            # Players would read an arrow in the text as times.
            text = "\n".join(cue.lines).replace("-->", "->")
            write_now(self._stream, f"{self._number}\n{start} --> {end}\n{text}\n\n")

    def close(self) -> None:
        """Do nothing: every cue has been flushed."""
