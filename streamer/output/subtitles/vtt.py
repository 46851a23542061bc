"""WebVTT subtitles (.vtt), https://www.w3.org/TR/webvtt1/."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from streamer.events import Event
from streamer.output.edit import Edit
from streamer.output.streams import write_now
from streamer.output.subtitles.cues import Cue, CueMaker
from streamer.output.timestamps import format_timestamp_ms
from streamer.printable import printable


class VttWriter:
    """Writes the header at once, and each cue when it is complete."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._cues = CueMaker()
        write_now(self._stream, "WEBVTT\n\n")

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
            times = f"{format_timestamp_ms(cue.start_ms)} --> {format_timestamp_ms(cue.end_ms)}"
            text = "\n".join(escape(line) for line in cue.lines)
            write_now(self._stream, f"{times}\n{text}\n\n")

    def begin_file(self, name: str) -> None:
        """Do nothing: several recordings do not fit into one file of subtitles."""


def escape(text: str) -> str:
    """Escape the characters that are markup in WebVTT."""
    return printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
