"""The words of a transcript in JSON lines, as displayed, with their times."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from streamer.alignment import align
from streamer.errors import UsageError, system_reason
from streamer.untrusted.regular_files import read_regular

#: A day of speech with partial words has a tenth of it.
_MAX_BYTES = 1 << 30


@dataclass(frozen=True)
class TimedWord:
    """A word as it is displayed.

    Attributes:
        text: with its marks.
        start: in seconds.
        end: in seconds.
        breaks: whether it begins a paragraph.
    """

    text: str
    start: float
    end: float
    breaks: bool = False


def read_transcript(path: Path) -> list[TimedWord]:
    """Read the words of what ``--format jsonl`` has written.

    Raises:
        UsageError: it cannot be read, or has no words with times.
    """
    try:
        lines = read_regular(path, _MAX_BYTES).decode("utf-8").splitlines()
        words = timed_words(json.loads(line) for line in lines if line.strip())
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read ({system_reason(error)})", "check the name"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        words = []
    if not words:
        raise UsageError(
            f"{path} has no words with times", "make it with: streamer listen -o transcript.jsonl"
        )
    return words


def timed_words(events: Iterable[dict[str, Any]]) -> list[TimedWord]:
    """Return the words of finals, with the marks that later events put after them."""
    words: list[TimedWord] = []
    for event in events:
        if event.get("type") == "close" and words:
            words[-1] = _marked(words[-1], str(event["display"]))
        if event.get("type") != "final":
            continue
        join = str(event.get("join", " "))
        if words:
            words[-1] = _marked(words[-1], join.strip())
        found = _words_of(event)
        if found and "\n" in join:
            found[0] = replace(found[0], breaks=True)
        words += found
    return words


def word_at(words: Sequence[TimedWord], time_s: float) -> int | None:
    """Return the number of the last word that has begun; None before the first."""
    low, high = 0, len(words)
    while low < high:
        middle = (low + high) // 2
        if words[middle].start <= time_s:
            low = middle + 1
        else:
            high = middle
    return low - 1 if low else None


def _words_of(event: dict[str, Any]) -> list[TimedWord]:
    spoken = event["words"]
    displayed = str(event.get("display", event["text"])).split()
    start, end = float(event["start"]), float(event["end"])
    words = []
    for text, places in zip(displayed, align(displayed, [str(w["word"]) for w in spoken])):
        if len(places) and places[-1] < len(spoken):
            start, end = float(spoken[places[0]]["start"]), float(spoken[places[-1]]["end"])
        words.append(TimedWord(text, start, end))
    return words


def _marked(word: TimedWord, mark: str) -> TimedWord:
    return replace(word, text=word.text + mark)
