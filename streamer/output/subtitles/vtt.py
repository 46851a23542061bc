"""WebVTT subtitles (.vtt), https://www.w3.org/TR/webvtt1/."""

from __future__ import annotations

from typing import TextIO

from streamer.events import Event, Final
from streamer.output.edit import Edit
from streamer.output.streams import write_now
from streamer.output.subtitles.cues import CueMaker
from streamer.output.timestamps import format_timestamp_ms


class VttWriter:
    """Writes the header at once and the cues of each final as it comes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._cues = CueMaker()
        write_now(self._stream, "WEBVTT\n\n")

    def write(self, item: Event | Edit) -> None:
        """Write a final's cues."""
        if not isinstance(item, Final):
            return
        for cue in self._cues.cues(item):
            times = f"{format_timestamp_ms(cue.start_ms)} --> {format_timestamp_ms(cue.end_ms)}"
            text = "\n".join(escape(line) for line in cue.lines)
            write_now(self._stream, f"{times}\n{text}\n\n")

    def begin_file(self, name: str) -> None:
        """Do nothing: several recordings do not fit into one file of subtitles."""

    def close(self) -> None:
        """Do nothing: every cue has been flushed."""


def escape(text: str) -> str:
    """Escape the characters that are markup in WebVTT."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
