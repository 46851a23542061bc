"""The written form of a stream: what is displayed, and where its sentences end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from streamer.events import Word
from streamer.text.joining import CLOSE_AFTER_S
from streamer.text.model import TextModel
from streamer.text.options import WritingOptions
from streamer.text.written import WrittenForm


class Display(NamedTuple):
    """How an utterance is displayed.

    Attributes:
        join: what stands before it; "" while that is not known.
        text: its written form.
        stable: the part of `text` that does not change.
    """

    join: str
    text: str
    stable: str


class WrittenStream:
    """Writes the utterances of one stream; without a text model, words stay as they are.

    No clock: times are those of the stream.

    Args:
        model: the text model of the language; None if it has none.
        options: what is written.
    """

    def __init__(self, model: TextModel | None, options: WritingOptions) -> None:
        self._form = None if model is None else WrittenForm(model, options)
        self._begun = False
        # End of the last word while its sentence is open, in seconds.
        self._open_since: float | None = None

    def partial(self, text: str, stable: str, words: Sequence[Word]) -> Display:
        """Display an utterance that goes on.

        Args:
            text: its words so far.
            stable: the part of `text` that does not change.
            words: the words with their times.
        """
        if self._form is None:
            return Display("", text, stable)
        spoken = text.split()
        written = self._form.partial(spoken, len(stable.split()), _times(spoken, words))
        return Display(written.join or "", written.text, written.stable)

    def final(self, text: str, words: Sequence[Word], end: float) -> Display:
        """Display an utterance that has ended.

        Args:
            text: its words.
            words: the words with their times.
            end: of the utterance, in seconds.
        """
        self._open_since = words[-1].end if words else end
        if self._form is None:
            join, self._begun = " " if self._begun else "", True
            return Display(join, text, text)
        spoken = text.split()
        written = self._form.final(spoken, _times(spoken, words))
        return Display(written.join or "", written.text, written.text)

    def is_due(self, time: float) -> bool:
        """Return whether the open sentence should be closed after this much silence.

        Args:
            time: until which nothing was said, in seconds.
        """
        return self._open_since is not None and time - self._open_since >= CLOSE_AFTER_S

    def close(self) -> str | None:
        """Close the open sentence; returns its mark, or None where none is open."""
        if self._open_since is None:
            return None
        self._open_since = None
        return "" if self._form is None else self._form.close()


def _times(spoken: Sequence[str], words: Sequence[Word]) -> list[tuple[float, float]] | None:
    """Return the times of words, or None where there is not one for each."""
    return [(w.start, w.end) for w in words] if len(words) == len(spoken) else None
