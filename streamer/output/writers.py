"""The writer interface and the formats by name."""

from __future__ import annotations

from typing import Callable, Protocol, TextIO, Union

from streamer.errors import UsageError
from streamer.events import Event
from streamer.output.edit import Edit
from streamer.output.jsonl import JsonLinesWriter
from streamer.output.prose import ProseWriter
from streamer.output.subtitles.srt import SrtWriter
from streamer.output.subtitles.vtt import VttWriter
from streamer.output.text import TextWriter

#: Values of ``--format``.
FORMATS: tuple[str, ...] = ("text", "jsonl", "srt", "vtt")

#: File name suffixes by format.
SUFFIXES = {"text": ".txt", "jsonl": ".jsonl", "srt": ".srt", "vtt": ".vtt"}

#: What writers take: events and, with dictation, the edit after each final.
Item = Union[Event, Edit]


class Writer(Protocol):
    """Writes events and flushes them at once."""

    def write(self, item: Item) -> None:
        """Write an event, if the format includes it.

        Raises:
            BrokenPipeError: the reader has closed the pipe.
            OSError: the stream cannot be written.
        """

    @property
    def finals_waiting(self) -> int:
        """How many of the last finals wait, for a mark or for more words, to be written in full."""

    def begin_file(self, name: str) -> None:
        """Say that the events that follow are those of one of several recordings."""

    def close(self) -> None:
        """Write what is missing at the end. May be called twice; leaves the stream open."""


def create_writer(
    format: str,
    stream: TextIO,
    *,
    partials: bool | None = None,
    timestamps: bool = False,
    flowing: bool = False,
    marks: bool = True,
    appending: bool = False,
    warn: Callable[[str], None] | None = None,
) -> Writer:
    """Create the writer of a format.

    Args:
        format: one of `FORMATS`.
        stream: opened by the caller, with UTF-8 and plain newlines.
        partials: whether partials are written. None leaves it to the format:
            JSON lines include them, text does not. Subtitles never do.
        timestamps: whether lines of text start with their times.
        flowing: whether text is continuous, made of the edits of dictation,
            instead of a line per final. Partials and times need lines and
            take precedence.
        marks: whether finals get marks, for which a line of text waits.
        appending: whether a final is written before its mark; see `TextWriter`.
        warn: called once if text could not be deleted.

    Raises:
        UsageError: there is no such format.
    """
    if format == "text":
        if flowing and not partials and not timestamps:
            return ProseWriter(stream, warn)
        return TextWriter(
            stream,
            partials=bool(partials),
            timestamps=timestamps,
            marks=marks,
            appending=appending,
        )
    if format == "jsonl":
        return JsonLinesWriter(stream, partials=partials is not False)
    if format == "srt":
        return SrtWriter(stream)
    if format == "vtt":
        return VttWriter(stream)
    raise UsageError(f"there is no format {format!r}", f"use one of {', '.join(FORMATS)}")
