"""The written form of a stream of words: pure, words in, text out, nothing taken back.

Each word is decided once: its case and the mark behind it when the words that the tagger looks
ahead to are stable, and its number when no further word can change it. What is decided is written
and kept, so that a partial costs what is new in it; what follows is a guess that the next words may
change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from streamer.text.decisions import Decision, Decisions, Times
from streamer.text.fillers import without_fillers
from streamer.text.joining import Sentences
from streamer.text.model import TextModel
from streamer.text.numbers import NumberWriter, Unit
from streamer.text.options import WritingOptions
from streamer.text.rough_words import masked
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


class _Text(NamedTuple):
    """A beginning of an utterance as it is written.

    Attributes:
        text: without the mark behind its last word.
        mark: that mark.
    """

    text: str = ""
    mark: str = ""

    @property
    def closed(self) -> str:
        """The text with that mark."""
        return self.text + self.mark


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
        self._begin_utterance()

    def _begin_utterance(self) -> None:
        options = self._options
        given = options.replacements.find if options.replacements else None
        self._numbers = NumberWriter(options.numbers, options.date_style, given)
        # What is written for good, and units that will not change but whose marks and cases may.
        self._kept = _Text()
        self._settled: list[Unit] = []

    def partial(self, words: Sequence[str], stable: int, times: Times | None = None) -> Written:
        """Return the written form of an utterance that goes on; call it with every partial.

        Args:
            words: all of its words so far, lower case.
            stable: how many of them will not change.
            times: of `words`, in seconds since the stream began.
        """
        words, stable, times = self._said(words, stable, times)
        decisions = self._decide(words, stable, times, complete=False)
        self._settled += self._numbers.settle(words[:stable], complete=False)
        mark = self._decisions.join if self._options.punctuation else ""
        if mark is not None:
            self._keep(words, decisions, mark)
        units = [*self._settled, *self._numbers.guess(words)]
        text = self._append(self._kept, units, words, decisions, mark or "")
        if mark is None:
            return Written(None, text.text, "")
        return Written(self._join(times), text.text, self._kept.closed)

    def final(self, words: Sequence[str], times: Times | None = None) -> Written:
        """Return the written form of an utterance that has ended, without its closing mark.

        One without words changes nothing.
        """
        words, _, times = self._said(words, len(words), times)
        if not words:
            return Written("", "", "")
        decisions = self._decide(words, len(words), times, complete=True)
        units = [*self._settled, *self._numbers.settle(words, complete=True)]
        mark = self._decisions.join or ""
        text = self._append(self._kept, units, words, decisions, mark).text
        join = self._join(times)
        self._sentences.end()
        self._decisions.end(words, times)
        self._begin_utterance()
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

    def go_on(self) -> None:
        """Write no mark between the last word and the next one; `close` still ends the sentence."""
        self._decisions.settle()

    def _said(
        self, words: Sequence[str], stable: int, times: Times | None
    ) -> tuple[Sequence[str], int, Times | None]:
        """Leave out what is not written of an utterance; see `partial`."""
        if self._options.fillers:
            return words, stable, times
        kept = without_fillers(words)
        stable = sum(place < stable for place in kept)
        return [words[k] for k in kept], stable, times and [times[k] for k in kept]

    def _decide(
        self, words: Sequence[str], stable: int, times: Times | None, complete: bool
    ) -> list[Decision]:
        if not self._options.punctuation:
            return []
        return self._decisions.feed(words, stable, times, complete)

    def _join(self, times: Times | None) -> str:
        mark = self._decisions.join if self._options.punctuation else ""
        return self._sentences.begin(mark or "", self._decisions.silence_before(times))

    def _keep(self, words: Sequence[str], decisions: Sequence[Decision], mark: str) -> None:
        """Write for good what will not change any more."""
        decided = self._decisions.decided if self._options.punctuation else len(words)
        n = 0
        while n < len(self._settled) and self._settled[n].end <= decided:
            n += 1
        self._kept = self._append(self._kept, self._settled[:n], words, decisions, mark)
        del self._settled[:n]

    def _append(
        self,
        text: _Text,
        units: Sequence[Unit],
        words: Sequence[str],
        decisions: Sequence[Decision],
        join_mark: str,
    ) -> _Text:
        """Return a text with more units; `join_mark` is the mark before the utterance."""
        if not units:
            return text
        if not self._options.punctuation:
            parts = [text.text] if text.text else []
            for unit in units:
                parts.append(unit.text if unit.given else self._masked(unit.text.lower(), unit))
            return _Text(" ".join(parts))
        parts = [text.closed] if text.text else []
        before = text.mark
        if not text.text:
            before = "." if self._sentences.begins else join_mark
        for unit in units:
            decision = decisions[unit.begin]
            written = unit.text
            if not unit.number and not unit.given:
                written = self._casing(words, unit.begin) or _cased(written, decision.case)
            begins = before == "." or (before in ENDS and not decision.small)
            # What was given with capitals of its own keeps them: "iPhone".
            if begins and written[:1].islower() and not (unit.given and written != written.lower()):
                written = written[:1].upper() + written[1:]
            before = decisions[unit.end - 1].mark
            parts.append(self._masked(written, unit) + before)
        whole = " ".join(parts)
        return _Text(whole[: len(whole) - len(before)], before)

    def _masked(self, written: str, unit: Unit) -> str:
        if not self._options.mask or unit.number or unit.given:
            return written
        return masked(written) if self._model.rough.has(unit.text) else written

    def _casing(self, words: Sequence[str], place: int) -> str | None:
        """Return a word in the casing of the lexicon, None where it has none."""
        before = words[place - 1] if place else ""
        after = words[place + 1] if place + 1 < len(words) else ""
        return self._model.casings.written(words[place], before, after)


def _cased(word: str, case: Case) -> str:
    if case is Case.LOWER:
        return word
    return word.upper() if case is Case.UPPER else word[:1].upper() + word[1:]
