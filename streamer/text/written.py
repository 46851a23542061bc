"""The written form of a stream of words: pure, words in, text out, nothing taken back.

Each word is decided once: its case and the mark behind it when the words that the tagger looks
ahead to are stable, and its number when no further word can change it. What is decided is kept;
what follows is a guess that the next words may change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streamer.text.casings import written_words
from streamer.text.decisions import Decision, Decisions, Times
from streamer.text.joining import Sentences
from streamer.text.model import TextModel
from streamer.text.numbers import Unit, as_spoken, number_units
from streamer.text.options import WritingOptions
from streamer.text.tags import ENDS, Case


@dataclass(frozen=True)
class Written:
    """The written form of an utterance.

    Attributes:
        join: what stands between the utterance before and this one; None while it may change.
        text: the utterance; a final's is without its closing mark.
        stable: the part of `text` that later words do not change; "" while `join` is None.
    """

    join: str | None
    text: str
    stable: str


class WrittenForm:
    """Writes the utterances of one stream.

    Args:
        model: the text model of the language.
        options: what is done.
    """

    def __init__(self, model: TextModel, options: WritingOptions | None = None) -> None:
        self._model = model
        self._options = options or WritingOptions()
        self._sentences = Sentences()
        self._decisions = Decisions(model)

    def partial(self, words: Sequence[str], stable: int, times: Times | None = None) -> Written:
        """Return the written form of an utterance that goes on; call it with every partial.

        Args:
            words: all of its words so far, lower case.
            stable: how many of them will not change.
            times: of `words`, in seconds since the stream began.
        """
        decisions = self._decide(words, stable, times, complete=False)
        _, settled = self._units(words[:stable], complete=False)
        units, _ = self._units(words, complete=False)
        mark = self._decisions.join
        text = self._text(units, words, decisions, mark or "")
        if mark is None and self._options.punctuation:
            return Written(None, text, "")
        done = min(settled, self._decisions.decided) if self._options.punctuation else settled
        fixed = [unit for unit in units if unit.end <= done]
        stable_text = self._text(fixed, words, decisions, mark or "", closed=True)
        return Written(self._join(times), text, stable_text)

    def final(self, words: Sequence[str], times: Times | None = None) -> Written:
        """Return the written form of an utterance that has ended, without its closing mark.

        One without words changes nothing.
        """
        if not words:
            return Written("", "", "")
        decisions = self._decide(words, len(words), times, complete=True)
        units, _ = self._units(words, complete=True)
        text = self._text(units, words, decisions, self._decisions.join or "")
        join = self._join(times)
        self._sentences.end()
        self._decisions.end(words, times)
        return Written(join, text, text)

    def close(self) -> str:
        """End the sentence, after a silence or at the stream's end; returns its mark, or ""."""
        mark = self._sentences.close(self._decisions.closing)
        self._decisions.start_over()
        return mark if self._options.punctuation else ""

    def continue_after(self, text: str) -> None:
        """Go on behind a text that was written otherwise, such as a spoken mark or a line break."""
        self._sentences.continue_after(text)
        if self._sentences.begins:
            self._decisions.start_over()
        else:
            self._decisions.settle()

    def _decide(
        self, words: Sequence[str], stable: int, times: Times | None, complete: bool
    ) -> list[Decision]:
        if not self._options.punctuation:
            return []
        return self._decisions.feed(words, stable, times, complete)

    def _units(self, words: Sequence[str], complete: bool) -> tuple[list[Unit], int]:
        if not self._options.numbers:
            return as_spoken(words, complete)
        return number_units(words, complete, self._options.date_style)

    def _join(self, times: Times | None) -> str:
        mark = self._decisions.join if self._options.punctuation else ""
        return self._sentences.begin(mark or "", self._decisions.silence_before(times))

    def _text(
        self,
        units: Sequence[Unit],
        words: Sequence[str],
        decisions: Sequence[Decision],
        join_mark: str,
        closed: bool = False,
    ) -> str:
        """Join units; `closed`: the mark behind the last one is written as well."""
        if not self._options.punctuation:
            return " ".join(unit.text.lower() for unit in units)
        casings = written_words(words, self._model.casings)
        before = "." if self._sentences.begins else join_mark
        parts = []
        for unit in units:
            decision = decisions[unit.begin]
            text = unit.text
            if not unit.number:
                text = casings[unit.begin] or _cased(text, decision.case)
            begins = before == "." or (before in ENDS and not decision.small)
            if begins and text[:1].islower():
                text = text[:1].upper() + text[1:]
            before = decisions[unit.end - 1].mark
            last = unit is units[-1] and not closed
            parts.append(text if last else text + before)
        return " ".join(parts)


def _cased(word: str, case: Case) -> str:
    if case is Case.LOWER:
        return word
    return word.upper() if case is Case.UPPER else word[:1].upper() + word[1:]
