"""JSON lines: one event per line, as specified by ``events.schema.json`` in this folder."""

from __future__ import annotations

import json
import math
from typing import Any, TextIO

from streamer.events import Close, Event, Final, Gap, Notice, Partial, Stats, Word
from streamer.output.edit import Edit
from streamer.output.streams import write_now
from streamer.printable import printable

#: Version of the format: it grows when a field is added or changes its meaning. 2: written text.
VERSION = 2

#: Decimals of seconds, milliseconds and ratios. More would be noise, and people read
#: the lines too.
_SECONDS, _MILLISECONDS, _RATIO = 3, 1, 4


class JsonLinesWriter:
    """Writes every event as one line of ASCII JSON, with other characters escaped.

    Args:
        stream: where the lines go.
        partials: whether partials are written.
    """

    def __init__(self, stream: TextIO, *, partials: bool = True) -> None:
        self._stream = stream
        self._partials = partials
        self._file: dict[str, str] = {}

    def write(self, item: Event | Edit) -> None:
        """Write an event."""
        if isinstance(item, Partial) and not self._partials:
            return
        line = json.dumps({**as_json(item), **self._file}, ensure_ascii=True, allow_nan=False)
        write_now(self._stream, line + "\n")

    @property
    def finals_waiting(self) -> int:
        """How many of the last finals have not been written in full."""
        return 0

    def begin_file(self, name: str) -> None:
        """Name the recording in the events that follow."""
        self._file = {"file": printable(name)}

    def close(self) -> None:
        """Do nothing: every line has been flushed."""


def as_json(item: Event | Edit) -> dict[str, Any]:
    """Return an event as a JSON object."""
    return {**_fields(item), "version": VERSION}


def _fields(item: Event | Edit) -> dict[str, Any]:
    if isinstance(item, (Partial, Final)):
        written = (
            {"join": item.join} if isinstance(item, Final)
            else {"display_stable": item.display_stable}
        )  # fmt: skip
        return {
            "type": "final" if isinstance(item, Final) else "partial",
            "segment": item.segment,
            "seq": item.seq,
            "start": _number(item.start, _SECONDS),
            "end": _number(item.end, _SECONDS),
            "text": item.text,
            "stable": item.stable,
            "words": [_word(word) for word in item.words],
            "alternatives": list(item.alternatives),
            "latency_ms": _number(item.latency_ms, _MILLISECONDS),
            "display": item.display,
            **written,
            **({"engine": item.engine} if isinstance(item, Final) and item.engine else {}),
        }
    if isinstance(item, Close):
        return {
            "type": "close",
            "segment": item.segment,
            "seq": item.seq,
            "time": _number(item.time, _SECONDS),
            "display": item.display,
        }
    if isinstance(item, Gap):
        return {
            "type": "gap",
            "seq": item.seq,
            "start": _number(item.start, _SECONDS),
            "end": _number(item.end, _SECONDS),
            "samples": item.samples,
        }
    if isinstance(item, Stats):
        return {
            "type": "stats",
            "seq": item.seq,
            "time": _number(item.time, _SECONDS),
            "real_time_factor": _number(item.real_time_factor, _RATIO),
            "latency_p50_ms": _number(item.latency_p50_ms, _MILLISECONDS),
            "latency_p95_ms": _number(item.latency_p95_ms, _MILLISECONDS),
            "lost_samples": item.lost_samples,
            "level_dbfs": _number(item.level_dbfs, 1),
            "peak_dbfs": _number(item.peak_dbfs, 1),
            "clipped": item.clipped,
            "speaking": item.speaking,
            "chunks": item.chunks,
            "chunk_p50_ms": _number(item.chunk_p50_ms, _MILLISECONDS),
            "chunk_p95_ms": _number(item.chunk_p95_ms, _MILLISECONDS),
        }
    if isinstance(item, Notice):
        return {
            "type": "warning",
            "seq": item.seq,
            "time": _number(item.time, _SECONDS),
            "what": item.what,
            "todo": item.todo,
        }
    return {
        "type": "edit",
        "segment": item.segment,
        "delete": item.delete,
        "insert": item.insert,
    }


def _word(word: Word) -> dict[str, Any]:
    return {
        "word": word.word,
        "start": _number(word.start, _SECONDS),
        "end": _number(word.end, _SECONDS),
        "confidence": _number(word.confidence, _RATIO),
    }


def _number(value: float | None, decimals: int) -> float | None:
    """Round a number; None if it is not finite, which JSON cannot express (level of silence)."""
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), decimals)
