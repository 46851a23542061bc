"""Backtrace of the beam search: the tokens of each hypothesis, and its text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.arrays import IntArray, doubled
from streamer.decoding.search.units import AlignedText, TokenEvent, WordUnits

#: The event before the first one.
START = -1
#: The word of an event that completes none.
NO_WORD = -1

_INITIAL_EVENTS = 1024


class Backtrace:
    """A tree of events: each is a token with its frame and points to the event before it.

    Hypotheses that begin alike share events, so growing one costs a single row.

    Args:
        units: aligns tokens with text.
        words: the words by number.
    """

    def __init__(self, units: WordUnits, words: Sequence[str]) -> None:
        self._units = units
        self._words = words
        self.reset(())

    def reset(self, context: Sequence[str]) -> None:
        """Remove all events; the text then begins with the context's words, at frame 0."""
        self._n_events = 0
        # Event before, column of the probabilities, frame, word.
        self._events = np.zeros((_INITIAL_EVENTS, 4), np.int64)
        text = "".join(word + " " for word in context)
        # Texts that end with a complete word, by event.
        self._texts = {START: AlignedText(text, (0,) * len(text), (0,) * len(text))}

    def append(self, before: IntArray, column: IntArray, frame: int, word: IntArray) -> IntArray:
        """Add events of one frame and return their numbers.

        Args:
            before: the event before each, int64 (n,).
            column: see `TokenEvent`, int (n,).
            frame: the frame.
            word: the word that each completes, or `NO_WORD`, int64 (n,).
        """
        first, self._n_events = self._n_events, self._n_events + len(before)
        while self._n_events > len(self._events):
            self._events = doubled(self._events)
        frames = np.full(len(before), frame)
        self._events[first : self._n_events] = np.stack([before, column, frames, word], axis=1)
        return np.arange(first, self._n_events)

    def text(self, event: int) -> AlignedText:
        """Return the text of the hypothesis that ends with an event."""
        known = self._texts.get(event)
        if known is not None:
            return known
        tail: list[TokenEvent] = []
        before = event
        while before >= 0 and (not tail or self._events[before, 3] < 0):
            before, column, frame, word = self._events[before].tolist()
            tail.append(TokenEvent(column, frame, self._words[word] if word >= 0 else None))
        head = self.text(before)
        more = self._units.align(tail[::-1])
        text = AlignedText(
            head.text + more.text, head.frames + more.frames, head.labels + more.labels
        )
        if tail[0].word is not None:
            self._texts[event] = text
        return text

    def last_word(self, event: int) -> int:
        """Return the last event up to this one that completes a word, `START` if none does."""
        while event >= 0 and self._events[event, 3] < 0:
            event = int(self._events[event, 0])
        return event
