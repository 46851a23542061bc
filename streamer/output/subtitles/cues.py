"""From finals to subtitle cues: readable, in order, never overlapping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streamer.alignment import align
from streamer.events import Close, Event, Final
from streamer.output.edit import Edit
from streamer.output.subtitles.layout import (
    CHARACTERS_PER_SECOND,
    MAX_LINE_CHARACTERS,
    MAX_SECONDS,
    MIN_SECONDS,
    TimedWord,
    divide,
    lines,
)


@dataclass(frozen=True)
class Cue:
    """One subtitle: lines of text, with times in milliseconds since the stream began."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]


class CueMaker:
    """Turns finals into cues.

    The last cue of a final waits for its mark and for the next one: words of the same sentence
    may still join it.

    Attributes:
        finals_waiting: how many of the last finals have words in the cue that waits.
    """

    def __init__(self) -> None:
        self.finals_waiting = 0
        self._waiting: list[TimedWord] = []
        # The last word of the cues that are complete.
        self._before: TimedWord | None = None
        # Until when the cue that waits may stay, in seconds.
        self._limit = 0.0
        self._end_ms = 0

    def feed(self, item: Event | Edit) -> list[Cue]:
        """Take an event; returns the cues that are complete.

        Whatever the times of the words, cues are in order, at least a
        millisecond long, and never overlap.
        """
        if isinstance(item, Close):
            self._mark(item.display)
            self._limit = max(self._limit, item.time)
            return self.finish()
        if not isinstance(item, Final):
            return []
        self._mark(item.mark)
        words = _timed_words(item)
        if not words:
            return []
        *groups, last = divide([*self._waiting, *words], True, self._before)
        self._waiting = last
        self.finals_waiting = 1 if len(last) <= len(words) else self.finals_waiting + 1
        if groups:
            self._before = groups[-1][-1]
        self._limit = max(item.end, last[-1].end)
        following = [*groups[1:], last]
        return [self._cue(g, after[0].start) for g, after in zip(groups, following)]

    def finish(self) -> list[Cue]:
        """Return the cue that waits, if there is one."""
        words, self._waiting = self._waiting, []
        self.finals_waiting = 0
        if words:
            self._before = words[-1]
        return [self._cue(words, self._limit)] if words else []

    def _mark(self, mark: str) -> None:
        if mark and self._waiting:
            last = self._waiting[-1]
            self._waiting[-1] = last._replace(text=last.text + mark)

    def _cue(self, words: Sequence[TimedWord], limit: float) -> Cue:
        """Return a cue that stays up long enough to be read, until `limit` at most."""
        texts = [word.text for word in words]
        start_ms = max(_ms(words[0].start), self._end_ms)
        reading_s = max(MIN_SECONDS, len(" ".join(texts)) / CHARACTERS_PER_SECOND)
        wished_ms = max(_ms(words[-1].end), start_ms + _ms(reading_s))
        # A single word may be longer than a cue may be.
        limit_ms = min(_ms(limit), start_ms + _ms(MAX_SECONDS))
        self._end_ms = max(min(wished_ms, limit_ms), start_ms + 1)
        return Cue(start_ms, self._end_ms, lines(texts))


def _ms(seconds: float) -> int:
    return round(max(seconds, 0.0) * 1000)


def _timed_words(event: Final) -> list[TimedWord]:
    """Return the displayed words with the times of what they stand for.

    Where the decoder has no times, the utterance is divided by word length.
    """
    shown = event.display.split()
    timed: list[TimedWord] = []
    if event.words:
        now = event.words[0].start
        for text, places in zip(shown, align(shown, [word.word for word in event.words])):
            begin = event.words[places[0]].start if places else now
            now = event.words[places[-1]].end if places else now
            timed += _pieces(TimedWord(text, begin, now))
        return timed
    total = sum(len(text) + 1 for text in shown)
    step = (event.end - event.start) / max(total, 1)
    place = event.start
    for text in shown:
        begin, place = place, place + step * (len(text) + 1)
        timed += _pieces(TimedWord(text, begin, place))
    return timed


def _pieces(word: TimedWord) -> list[TimedWord]:
    """Split a word that is longer than a line; a mark may still follow."""
    width = MAX_LINE_CHARACTERS - 1
    text = word.text
    return [word._replace(text=text[i : i + width]) for i in range(0, len(text), width)]
