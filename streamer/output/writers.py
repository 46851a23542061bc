"""What every writer can do, and the one place that knows the formats by name."""

from __future__ import annotations

import sys
from typing import Callable, Protocol, TextIO, Union

from streamer.errors import UsageError
from streamer.events import Event
from streamer.output.edit import Edit
from streamer.output.jsonl import JsonLinesWriter
from streamer.output.prose import ProseWriter
from streamer.output.subtitles.srt import SrtWriter
from streamer.output.subtitles.vtt import VttWriter
from streamer.output.text import TextWriter

#: The formats by the names that ``--format`` takes.
FORMATS: tuple[str, ...] = ("text", "jsonl", "srt", "vtt")

#: How the files of each format end.
SUFFIXES = {"text": ".txt", "jsonl": ".jsonl", "srt": ".srt", "vtt": ".vtt"}

#: What is written: events, and with dictation the edit that each final brings.
Item = Union[Event, Edit]


class Writer(Protocol):
    """Takes events and puts them somewhere, flushed at once."""

    def write(self, item: Item) -> None:
        """Write what the format has to say about an event, which may be nothing.

        Raises:
            BrokenPipeError: the reader has left.
            OSError: the place cannot be written.
        """

    def close(self) -> None:
        """Write what is still owed. May be called twice; leaves the stream open."""


def create_writer(
    format: str,
    stream: TextIO,
    *,
    partials: bool | None = None,
    timestamps: bool = False,
    flowing: bool = False,
    warn: Callable[[str], None] | None = None,
) -> Writer:
    """Make the writer of a format.

    Args:
        format: one of `FORMATS`.
        stream: where it writes; UTF-8 with plain newlines is up to who opened it.
        partials: whether utterances still being said are written. None leaves
            it to the format: JSON lines hold them, text does not. Subtitles
            never do.
        timestamps: whether text says when each line was said.
        flowing: whether text is prose made of dictation's edits, instead of a
            line for each final. Partials and times need lines, so with either
            of them text stays a line for each final.
        warn: told what could not be done, once.

    Raises:
        UsageError: there is no such format.
    """
    if format == "text":
        if flowing and not partials and not timestamps:
            return ProseWriter(stream, warn)
        return TextWriter(stream, partials=bool(partials), timestamps=timestamps)
    if format == "jsonl":
        return JsonLinesWriter(stream, partials=partials is not False)
    if format == "srt":
        return SrtWriter(stream)
    if format == "vtt":
        return VttWriter(stream)
    raise UsageError(f"there is no format {format!r}", f"use one of {', '.join(FORMATS)}")


def standard_output() -> TextIO:
    """Return standard output, set to UTF-8 and plain newlines whatever the locale says.

    Data must come out the same under every locale and platform; an ASCII
    locale must not end a transcript with an encoding error.
    """
    stream = sys.stdout
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")
    return stream
