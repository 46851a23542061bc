"""WebVTT subtitles (.vtt), https://www.w3.org/TR/webvtt1/."""

from __future__ import annotations

from typing import TextIO

from streamer.events import Event, Final
from streamer.output.edit import Edit
from streamer.output.subtitles.cues import CueMaker
from streamer.output.timestamps import format_timestamp_ms


class VttWriter:
    """Writes the header at once and the cues of each final as soon as it is there."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._cues = CueMaker()
        self._put("WEBVTT\n\n")

    def write(self, item: Event | Edit) -> None:
        """Write a final's cues."""
        if not isinstance(item, Final):
            return
        for cue in self._cues.cues(item):
            times = f"{format_timestamp_ms(cue.start_ms)} --> {format_timestamp_ms(cue.end_ms)}"
            text = "\n".join(escape(line) for line in cue.lines)
            self._put(f"{times}\n{text}\n\n")

    def close(self) -> None:
        """Do nothing: every cue is out already."""

    def _put(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def escape(text: str) -> str:
    """Write the characters that WebVTT takes for markup as it wants them written."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
