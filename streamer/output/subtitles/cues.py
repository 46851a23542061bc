"""From finals to subtitle cues: readable, in order, never overlapping."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from streamer.events import Final

#: Limits for readable subtitles, as in the common broadcasters' guides.
MAX_LINE_CHARACTERS = 42
MAX_LINES = 2
MAX_SECONDS = 7.0
#: A cue ends before a pause this long, so that it does not stay up in the silence.
PAUSE_SECONDS = 1.0
#: A cue stays up at least this long, if the next one allows it.
MIN_SECONDS = 1.0
_SENTENCE_ENDS = (".", "?", "!")


@dataclass(frozen=True)
class Cue:
    """One subtitle: lines of text, with times in milliseconds since the stream began."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class _Timed:
    """A word of the text, with its times in seconds."""

    text: str
    start: float
    end: float


class CueMaker:
    """Turns finals into cues; its only state is the end of the last cue."""

    def __init__(self) -> None:
        self._end_ms = 0

    def cues(self, event: Final) -> list[Cue]:
        """Return the cues of a final; none for a final without words.

        Whatever the times of the words, cues are in order, at least a
        millisecond long, and never overlap.
        """
        groups = _split(_timed_words(event))
        cues = []
        for number, group in enumerate(groups):
            start_ms = max(_ms(group[0].start), self._end_ms)
            wished_ms = max(_ms(group[-1].end), start_ms + _ms(MIN_SECONDS))
            if number + 1 < len(groups):
                limit_ms = _ms(groups[number + 1][0].start)
            else:
                limit_ms = _ms(max(event.end, group[-1].end))
            # A single word may be longer than a cue may be.
            limit_ms = min(limit_ms, start_ms + _ms(MAX_SECONDS))
            self._end_ms = max(min(wished_ms, limit_ms), start_ms + 1)
            cues.append(Cue(start_ms, self._end_ms, _lines([word.text for word in group])))
        return cues


def _ms(seconds: float) -> int:
    return round(max(seconds, 0.0) * 1000)


def _timed_words(event: Final) -> list[_Timed]:
    """Return the words of the text with their times.

    Usually they match the recognised words one to one. If they do not (dictation
    joined or removed some, or the decoder has no times), the time of the
    utterance is divided by word length.
    """
    tokens = [piece for word in event.text.split() for piece in _pieces(word)]
    if len(tokens) == len(event.words):
        return [_Timed(t, w.start, w.end) for t, w in zip(tokens, event.words)]
    start, end = event.start, event.end
    if event.words:
        start, end = event.words[0].start, event.words[-1].end
    total = sum(len(token) + 1 for token in tokens)
    timed = []
    position = 0
    for token in tokens:
        first, position = position, position + len(token) + 1
        timed.append(
            _Timed(
                token,
                start + (end - start) * first / total,
                start + (end - start) * position / total,
            )
        )
    return timed


def _pieces(word: str) -> list[str]:
    """Split a word that is longer than a line."""
    width = MAX_LINE_CHARACTERS
    return [word[i : i + width] for i in range(0, len(word), width)]


def _split(words: Sequence[_Timed]) -> list[list[_Timed]]:
    groups: list[list[_Timed]] = []
    for word in words:
        if groups and not _must_break(groups[-1], word):
            groups[-1].append(word)
        else:
            groups.append([word])
    return groups


def _must_break(group: Sequence[_Timed], word: _Timed) -> bool:
    texts = [w.text for w in group]
    return (
        len(_lines([*texts, word.text])) > MAX_LINES
        or word.end - group[0].start > MAX_SECONDS
        or word.start - group[-1].end >= PAUSE_SECONDS
        # A sentence that fills a line ends its cue; the next one starts a new cue.
        or (texts[-1].endswith(_SENTENCE_ENDS) and len(" ".join(texts)) > MAX_LINE_CHARACTERS)
    )


def _lines(texts: Sequence[str]) -> tuple[str, ...]:
    """Wrap words into lines; two lines are balanced."""
    text = " ".join(texts)
    lines = _wrap(text, MAX_LINE_CHARACTERS)
    if len(lines) != MAX_LINES:
        return tuple(lines)
    # The narrowest width that still gives two lines makes them about equally long.
    for width in range(len(text) // 2, MAX_LINE_CHARACTERS):
        even = _wrap(text, width)
        if len(even) == MAX_LINES:
            return tuple(even)
    return tuple(lines)


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
