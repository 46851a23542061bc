"""Decides marks and cases word by word, each once, across utterances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from streamer.arrays import FloatArray, IntArray
from streamer.text.model import TextModel
from streamer.text.tagger import pause_features
from streamer.text.tags import ENDS, MARKS, Case
from streamer.text.vocabulary import END, MORE

#: A small letter after ``?`` and ``!`` ("Who? he asked.") has to be so likely.
_SMALL_AFTER_MARK = 0.8
#: A capital has to be so likely: a wrong one is noticed more than a missing one. 0.5 finds up to
#: one in a hundred more, and as many more are wrong; 0.7 loses up to 0.007 of F1.
_LIKELY_CAPITAL = 0.6
#: An exclamation mark at the end of what is said has to be so likely among the marks that end.
_LIKELY_EXCLAMATION = 0.7
#: A decision that is so sure does not wait for all the words that the tagger looks ahead to ...
EARLY = 0.95
#: ... but for as many. At the end of the training texts that costs nothing; two words would cost up
#: to a hundredth of F1 and save half a word of waiting, none saved would cost two words.
EARLY_WORDS = 4
_ENDS = [MARKS.index(mark) for mark in ENDS]
#: Begin and end of each word in seconds.
Times = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Decision:
    """What is written around a word.

    Attributes:
        mark: after it.
        case: of the word where no sentence begins.
        small: it stays small even behind ``?`` and ``!``.
    """

    mark: str = ""
    case: Case = Case.LOWER
    small: bool = False


class Decisions:
    """The decisions on the utterances of a stream.

    An utterance's last word is carried over: the mark behind it is decided with the words of the
    next utterance in sight.

    Args:
        model: the text model.
    """

    def __init__(self, model: TextModel) -> None:
        self._model = model
        self._last_end: float | None = None
        self.start_over()

    def start_over(self) -> None:
        """Forget all words: what follows is another sentence."""
        self._carried: list[str] = []
        self._made: list[Decision] = []
        # How many words, of those that will not change, have had their say.
        self._seen = 0
        # States before the first undecided word, and before and behind the last utterance's last.
        self._state = self._behind = np.zeros(self._model.state_size, dtype=np.float32)
        self._pause_before = np.nan
        self.closing = "."

    @property
    def join(self) -> str | None:
        """The mark between the utterance before and this one, None while it is not decided."""
        if not self._carried:
            return ""
        return self._made[0].mark if self._made else None

    @property
    def decided(self) -> int:
        """How many words of this utterance are decided."""
        return max(0, len(self._made) - len(self._carried))

    def feed(
        self, words: Sequence[str], stable: int, times: Times | None, complete: bool
    ) -> list[Decision]:
        """Take an utterance so far; returns what is decided and guessed of its words.

        Args:
            words: of the utterance, lower case.
            stable: how many of them will not change.
            times: of the words, where they are known.
            complete: the utterance has ended.
        """
        chain = [*self._carried, *words]
        pauses = self._pauses(words, times)
        guesses: list[Decision] = []
        if complete:
            self._made += self._advance(chain, pauses, complete=True)[0]
            return self._made[len(self._carried) :]
        # Only words that will not change may have a say in what is decided.
        known = len(self._carried) + stable
        if known > max(self._seen, len(self._made) + 1):
            self._seen = known
            heard = [*pauses[: known - 1], np.nan]
            made, guesses = self._advance(chain[:known], heard, complete=False)
            self._made += made
        if len(self._made) + len(guesses) < len(chain):
            guesses = self._tag(chain, pauses, len(self._made), complete=False)[0]
        return [*self._made, *guesses][len(self._carried) :]

    def _advance(
        self, chain: Sequence[str], pauses: Sequence[float], complete: bool
    ) -> tuple[list[Decision], list[Decision]]:
        """Decide words as far as it can be done, and move the state behind them.

        Returns what is decided, and guesses for the words behind.
        """
        begin = len(self._made)
        if begin == len(chain):
            return [], []
        decisions, states, sure = self._tag(chain, pauses, begin, complete)
        new = len(decisions)
        if complete:
            self._behind = states[-1]
        else:
            n = len(decisions)
            new = next((k for k in range(n) if not self._can_decide(n - k - 1, sure[k])), n)
        # The state before an utterance's last word is kept: that word is read again.
        last = new - complete
        if last > 0:
            self._state = states[last - 1]
            self._pause_before = pauses[begin + last - 1]
        return decisions[:new], decisions[new:]

    def _can_decide(self, words_ahead: int, sure: float) -> bool:
        """Whether a word can be decided with so many words in sight."""
        if words_ahead >= self._model.look_ahead:
            return True
        return words_ahead >= EARLY_WORDS and sure >= EARLY

    def end(self, words: Sequence[str], times: Times | None) -> None:
        """Carry the last word of an utterance over to the next one."""
        self._carried = [words[-1]]
        self._made = []
        self._seen = 0
        self._last_end = times[-1][1] if times else None

    def settle(self) -> None:
        """Note that the mark behind the carried word was written by somebody else."""
        self._carried = []
        self._state = self._behind

    def silence_before(self, times: Times | None) -> float | None:
        """Return the seconds between the utterance before and this one, where they are known."""
        if not times or self._last_end is None or times[0][0] < self._last_end:
            return None
        return times[0][0] - self._last_end

    def _pauses(self, words: Sequence[str], times: Times | None) -> list[float]:
        """Return the pause behind each word of the chain, NaN where it is not known."""
        pauses = [np.nan] * len(words)
        if times:
            pauses = [later[0] - now[1] for now, later in zip(times, times[1:])] + [np.nan]
        if self._carried:
            silence = self.silence_before(times)
            pauses.insert(0, np.nan if silence is None else silence)
        return pauses

    def _tag(
        self, chain: Sequence[str], pauses: Sequence[float], begin: int, complete: bool
    ) -> tuple[list[Decision], FloatArray, FloatArray]:
        """Return decisions, states behind the words, and how sure each decision is (0 to 1)."""
        tagger = self._model.tagger
        if tagger is None:
            n = len(chain) - begin
            empty = np.zeros((n, 0), dtype=np.float32)
            return [Decision()] * n, empty, np.ones(n, dtype=np.float32)
        numbers = self._model.vocabulary.numbers(chain[begin:])
        behind = pause_features(np.array(pauses[begin:]))
        before = pause_features(np.array([self._pause_before, *pauses[begin:-1]]))
        ahead = _ahead(numbers, tagger.look_ahead, END if complete else MORE)
        tags = tagger.tag(numbers, ahead, behind, before, self._state)
        marks = tags.marks + self._model.mark_bias
        cases = tags.cases + self._model.case_bias
        if complete:
            self.closing = _closing(marks[-1, _ENDS])
        likely = _probabilities(tags.cases)
        small = likely[:, Case.LOWER.value] > _SMALL_AFTER_MARK
        unlikely = likely[:, Case.LOWER.value] > 1 - _LIKELY_CAPITAL
        chosen = np.where(unlikely, Case.LOWER.value, cases.argmax(axis=1))
        sure = np.minimum(_probabilities(marks).max(axis=1), likely.max(axis=1))
        decisions = [
            Decision(MARKS[int(mark)], Case(int(case)), bool(is_small))
            for mark, case, is_small in zip(marks.argmax(axis=1), chosen, small)
        ]
        return decisions, tags.states, sure


def _closing(logits: FloatArray) -> str:
    """Return the mark that ends a sentence, by the logits of `ENDS`."""
    likely = _probabilities(logits[None])[0]
    if likely[ENDS.index("!")] < _LIKELY_EXCLAMATION:
        likely[ENDS.index("!")] = 0.0
    return ENDS[int(likely.argmax())]


def _ahead(numbers: IntArray, look_ahead: int, beyond: int) -> IntArray:
    """Return the numbers of the words behind each word, int64 (n, look_ahead)."""
    padded = np.concatenate([numbers[1:], np.full(look_ahead, beyond, dtype=np.int64)])
    return np.lib.stride_tricks.sliding_window_view(padded, look_ahead)[: len(numbers)]


def _probabilities(logits: FloatArray) -> FloatArray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: FloatArray = powers / powers.sum(axis=1, keepdims=True)
    return result
