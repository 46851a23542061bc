"""Events as they are kept between two runs: JSON that reads back as equal events."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from streamer.events import Close, Event, Final, Gap, Notice, Partial, Stats, Word

_KINDS: dict[str, Any] = {
    kind.__name__: kind for kind in (Partial, Final, Close, Gap, Stats, Notice)
}


def encode_events(events: Sequence[Event]) -> bytes:
    """Return events as JSON, one a line and a last line with their number."""
    lines = [json.dumps([type(event).__name__, asdict(event)]) for event in events]
    return "\n".join([*lines, json.dumps(len(lines)), ""]).encode("ascii")


def decode_events(data: bytes) -> list[Event] | None:
    """Return the events that `encode_events` has written; None if they are not whole."""
    try:
        *lines, count = data.decode("ascii").splitlines()
        events = [_event(*json.loads(line)) for line in lines]
        return events if json.loads(count) == len(events) else None
    except (ValueError, TypeError, KeyError):
        return None


def _event(kind: str, fields: dict[str, Any]) -> Event:
    if "words" in fields:
        fields["words"] = tuple(Word(**word) for word in fields["words"])
    if "alternatives" in fields:
        fields["alternatives"] = tuple(fields["alternatives"])
    event: Event = _KINDS[kind](**fields)
    return event
