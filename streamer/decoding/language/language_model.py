"""What the beam search asks of language models: the words so far are numbers, histories.

A history stands for all words of a hypothesis, its context for the last two of them.
Scores are common logarithms, as KenLM's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from streamer.arrays import FloatArray, IntArray, doubled
from streamer.decoding.language.n_grams import NGrams, NGramStates
from streamer.decoding.language.recurrent_model import RecurrentModel

_LN_10 = math.log(10)


class _Primed(NamedTuple):
    """What the recurrent model knows of words it was told."""

    words: tuple[int, ...]
    row: tuple[FloatArray, ...]


class LanguageModel:
    """Histories of words, and what the next word is worth behind each.

    With a recurrent model probabilities are a mixture: share * recurrent + (1 - share) *
    n-grams. Words that it does not know have its probability of an unknown word, shared
    among them as the n-grams' probabilities without context would.

    Args:
        n_grams: probabilities.
        words: the words by number.
        recurrent: probabilities too, if there is one.
        share: of the recurrent model, 0 to 1.
        boosts: what some words are worth beyond their probability, by number.
    """

    def __init__(
        self,
        n_grams: NGrams,
        words: Sequence[str],
        recurrent: RecurrentModel | None = None,
        share: float = 0.0,
        boosts: Mapping[int, float] | None = None,
    ) -> None:
        self._n_grams = n_grams
        self._n_words = len(words)
        self._base = len(words) + 1
        self._boosts = np.zeros(len(words), np.float32)
        for word, boost in (boosts or {}).items():
            self._boosts[word] = boost
        self._recurrent = recurrent
        if self._recurrent is not None:
            numbers = self._recurrent.numbers(words)
            known = numbers >= 0
            others = max(1.0 - float((10.0 ** n_grams.unigrams[known]).sum()), 1e-6)
            # What is added to the score of a word's number.
            self._part = np.where(known, 0.0, n_grams.unigrams - np.log10(others))
            self._numbers = np.where(known, numbers, self._recurrent.unknown)
            self._primed = _Primed((), ())
            with np.errstate(divide="ignore"):
                self._shares = np.log10(np.array([1 - share, share], np.float32))
        self.reset()

    def reset(self) -> int:
        """Forget all histories; return the empty one."""
        # Of each history: context, last word, the history before it, its last word's score, and
        # what the n-grams remember of it.
        self._context, self._word, self._parent = (np.full(256, -1, np.int64) for _ in range(3))
        self._context[0] = 0
        self._known = self._n_grams.initial_states().take(np.zeros(256, np.int64))
        self._count = 1
        self._worth = np.zeros(256, np.float32)
        self._behind: dict[int, int] = {}
        if self._recurrent is not None:
            # Rows of the recurrent model's memory, of those histories that were asked for.
            self._memory = self._recurrent.initial_states()
            self._rows: dict[int, int] = {0: 0}
        return 0

    def prime(self, words: Sequence[int]) -> int:
        """Return the history of some words, right after `reset`.

        Whoever is told more and more of the same text pays for what is new only.
        """
        if not words:
            return 0
        known = self._n_grams.initial_states()
        for word in words[-(self._n_grams.order - 1) :]:  # it remembers no more
            known, _ = self._n_grams.score(known, np.array([word]))
        last, before = words[-1], words[-2] + 1 if len(words) > 1 else 0
        history = self._append(0, np.array([last], np.int64), before, 0.0, known)
        if self._recurrent is not None:
            primed, row = self._primed, 0
            if primed.words and tuple(words[: len(primed.words)]) == primed.words:
                row = self._memory.append(*primed.row)
            else:
                primed = _Primed((), self._memory.row(0))
            for word in words[len(primed.words) :]:
                row = self._recurrent.advance(self._memory, np.array([row]), self._numbers[[word]])
            self._primed = _Primed(tuple(words), self._memory.row(row))
            self._rows[history] = row
        return history

    def score(self, histories: IntArray, words: IntArray) -> tuple[IntArray, FloatArray]:
        """Let words follow histories; return the histories then and the words' scores."""
        known = self._behind
        keys = (histories * self._n_words + words).tolist()
        new = [key for key in dict.fromkeys(keys) if key not in known]
        if new:
            self._follow(new)
        following = np.array([known[key] for key in keys], np.int64)
        return following, self._worth[following]

    def score_end(self, histories: IntArray) -> FloatArray:
        """Return what the end is worth behind histories."""
        end = np.full(len(histories), self._n_grams.end)
        _, scores = self._n_grams.score(self._known.take(histories), end)
        if self._recurrent is None:
            return scores
        rows = self._remember(histories.tolist())
        ends = self._recurrent.score(self._memory, rows, self._recurrent.end)
        return self._mixed(scores, ends)

    def merge_keys(self, histories: IntArray) -> IntArray:
        """Return the context of each history: a number, the same for the same last two words.

        What lies further back seldom counts, and hypotheses that differ only there
        would crowd the beam (dev, beam 64: 23.1 % of the words wrong when three words
        are told apart, 22.6 % when two are).
        """
        contexts: IntArray = self._context[histories]
        return contexts

    def _follow(self, keys: Sequence[int]) -> None:
        """Make histories: each key is one before, times the number of words, plus a word."""
        histories, words = np.divmod(np.array(keys, np.int64), self._n_words)
        known, scores = self._n_grams.score(self._known.take(histories), words)
        if self._recurrent is not None:
            rows = self._remember(histories.tolist())
            others = self._recurrent.score(self._memory, rows, self._numbers[words])
            scores = self._mixed(scores, others + self._part[words])
        scores += self._boosts[words]
        before = self._context[histories] % self._base
        first = self._append(histories, words, before, scores, known)
        self._behind.update(zip(keys, range(first, first + len(keys))))

    def _append(
        self,
        parents: IntArray | int,
        words: IntArray,
        before: IntArray | int,
        scores: FloatArray | float,
        known: NGramStates,
    ) -> int:
        """Write histories down; return the number of the first.

        Args:
            parents: what they follow.
            words: their last words.
            before: the words before these, plus one; 0 for none.
            scores: of the last words.
            known: what the n-grams remember.
        """
        first, self._count = self._count, self._count + len(words)
        rows = slice(first, self._count)
        while self._count > len(self._context):
            self._context = doubled(self._context)
            self._word, self._parent = doubled(self._word), doubled(self._parent)
            self._worth = doubled(self._worth)
            self._known = NGramStates(doubled(self._known.words), doubled(self._known.backoffs))
        self._known.words[rows], self._known.backoffs[rows] = known
        self._context[rows] = before * self._base + words + 1
        self._word[rows], self._parent[rows], self._worth[rows] = words, parents, scores
        return first

    def _mixed(self, n_grams: FloatArray, recurrent: FloatArray) -> FloatArray:
        """Mix common logarithms of probabilities."""
        first, second = n_grams + self._shares[0], recurrent + self._shares[1]
        return np.asarray(np.logaddexp(first * _LN_10, second * _LN_10) / _LN_10, np.float32)

    def _remember(self, histories: Sequence[int]) -> IntArray:
        """Return the rows of the recurrent model's memory for histories; all at once are made."""
        assert self._recurrent is not None
        rows = self._rows
        missing = [h for h in dict.fromkeys(histories) if h not in rows]
        if missing:
            # What came before was asked for before: nobody follows what has no score.
            before = np.array([rows[parent] for parent in self._parent[missing].tolist()])
            words = self._numbers[self._word[missing]]
            first = self._recurrent.advance(self._memory, before, words)
            rows.update(zip(missing, range(first, first + len(missing))))
        return np.array([rows[h] for h in histories])
