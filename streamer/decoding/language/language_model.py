"""Language model of the beam search: word histories by number, n-grams and a recurrent model.

A history is the sequence of all complete words of a hypothesis. Scores are common logarithms, as
in KenLM.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np

from streamer.arrays import FloatArray, IntArray, doubled
from streamer.decoding.language.n_grams import NGrams, NGramStates
from streamer.decoding.language.recurrent_model import RecurrentModel

_LN_10 = math.log(10)

#: Histories that there is room for at first.
_INITIAL_HISTORIES = 256

#: Smallest probability left for the words that the recurrent model does not know.
_MIN_UNKNOWN = 1e-6


class _PrimedState(NamedTuple):
    """The recurrent model's state after the words of the last `LanguageModel.prime`."""

    words: tuple[int, ...]
    row: tuple[FloatArray, ...]


class LanguageModel:
    """Scores of words given their history.

    With a recurrent model, probabilities are a mixture: share * recurrent + (1 - share) *
    n-grams. The words that it does not know divide its probability of an unknown word in
    proportion to their unigrams.

    Args:
        n_grams: the n-gram model.
        words: the words by number.
        recurrent: the recurrent model, if there is one.
        share: share of the recurrent model, 0 to 1.
        boosts: scores added for some words, by number.
        recurrent_numbers: what ``recurrent.numbers(words)`` returns, if already known.
    """

    def __init__(
        self,
        n_grams: NGrams,
        words: Sequence[str],
        recurrent: RecurrentModel | None = None,
        share: float = 0.0,
        boosts: Mapping[int, float] | None = None,
        recurrent_numbers: IntArray | None = None,
    ) -> None:
        self._n_grams = n_grams
        self._n_words = len(words)
        self._base = len(words) + 1
        self._boosts = np.zeros(len(words), np.float32)
        for word, boost in (boosts or {}).items():
            self._boosts[word] = boost
        self._recurrent = recurrent
        if self._recurrent is not None:
            numbers = recurrent_numbers
            if numbers is None:
                numbers = self._recurrent.numbers(words)
            known = numbers >= 0
            unknown = max(1.0 - float((10.0 ** n_grams.unigrams[known]).sum()), _MIN_UNKNOWN)
            # Added to the recurrent model's score: a word's part of the unknown word.
            self._unknown_part = np.where(known, 0.0, n_grams.unigrams - np.log10(unknown))
            self._numbers = np.where(known, numbers, self._recurrent.unknown)
            self._primed = _PrimedState((), ())
            with np.errstate(divide="ignore"):
                self._log_shares = np.log10(np.array([1 - share, share], np.float32))
        self.reset()

    def one_thread(self) -> AbstractContextManager[Any]:
        """Return a context in which scoring uses one thread; without it, it may use all."""
        return nullcontext() if self._recurrent is None else self._recurrent.one_thread()

    def reset(self) -> int:
        """Remove all histories and return the empty one."""
        n = _INITIAL_HISTORIES
        # For each history its merge key, last word, parent (the history before that word),
        # last word's score, and n-gram state.
        self._keys, self._last_words, self._parents = (np.full(n, -1, np.int64) for _ in range(3))
        self._keys[0] = 0
        self._scores = np.zeros(n, np.float32)
        self._states = self._n_grams.initial_states().take(np.zeros(n, np.int64))
        self._n_histories = 1
        self._primed_history = 0
        # Histories by parent and word; see `score`.
        self._children: dict[int, int] = {}
        if self._recurrent is not None:
            # Rows of the recurrent states of histories; the others are computed when needed.
            self._recurrent_states = self._recurrent.initial_states()
            self._rows: dict[int, int] = {0: 0}
        return 0

    def prime(self, words: Sequence[int]) -> int:
        """Return the history of words; call it right after `reset`.

        If they begin with the words of the last call, the recurrent model only processes the
        new ones.
        """
        if not words:
            return 0
        state = self._n_grams.initial_states()
        for word in words[-(self._n_grams.order - 1) :]:  # earlier words have no effect
            state, _ = self._n_grams.score(state, np.array([word]))
        last, before = words[-1], words[-2] + 1 if len(words) > 1 else 0
        history = self._append(0, np.array([last], np.int64), before, 0.0, state)
        self._primed_history = history
        if self._recurrent is not None:
            primed, row = self._primed, 0
            states = self._recurrent_states
            if primed.words and tuple(words[: len(primed.words)]) == primed.words:
                row = states.append(*primed.row)
            else:
                primed = _PrimedState((), states.row(0))
            for word in words[len(primed.words) :]:
                row = self._recurrent.advance(states, np.array([row]), self._numbers[[word]])
            self._primed = _PrimedState(tuple(words), states.row(row))
            self._rows[history] = row
        return history

    def score(self, histories: IntArray, words: IntArray) -> tuple[IntArray, FloatArray]:
        """Score the next words of histories.

        Args:
            histories: int64 (n,).
            words: int64 (n,).

        Returns:
            The histories that include these words, int64 (n,), and the words' scores,
            float32 (n,).
        """
        children = self._children
        keys = (histories * self._n_words + words).tolist()
        new = [key for key in dict.fromkeys(keys) if key not in children]
        if new:
            self._add_children(new)
        following = np.array([children[key] for key in keys], np.int64)
        return following, self._scores[following]

    def score_end(self, histories: IntArray) -> FloatArray:
        """Return the scores of the end of the sentence after histories, float32 (n,)."""
        end = np.full(len(histories), self._n_grams.end)
        _, scores = self._n_grams.score(self._states.take(histories), end)
        if self._recurrent is None:
            return scores
        rows = self._recurrent_rows(histories.tolist())
        ends = self._recurrent.score(self._recurrent_states, rows, self._recurrent.end)
        return self._mix(scores, ends)

    def word_scores(self, history: int) -> tuple[float, ...]:
        """Return the scores of a history's words, without those of `prime`."""
        scores = []
        while history != 0 and history != self._primed_history:
            scores.append(float(self._scores[history]))
            history = int(self._parents[history])
        return tuple(scores[::-1])

    def merge_keys(self, histories: IntArray) -> IntArray:
        """Return the merge key of each history: equal if the last two words are.

        Earlier words seldom matter, and hypotheses that only differ there would fill the
        beam (dev, beam 64: 23.1 % word errors with keys of three words, 22.6 % with two).
        """
        keys: IntArray = self._keys[histories]
        return keys

    def _add_children(self, keys: Sequence[int]) -> None:
        """Add histories: each key is the parent times the number of words, plus the word."""
        parents, words = np.divmod(np.array(keys, np.int64), self._n_words)
        states, scores = self._n_grams.score(self._states.take(parents), words)
        if self._recurrent is not None:
            rows = self._recurrent_rows(parents.tolist())
            others = self._recurrent.score(self._recurrent_states, rows, self._numbers[words])
            scores = self._mix(scores, others + self._unknown_part[words])
        scores += self._boosts[words]
        before = self._keys[parents] % self._base
        first = self._append(parents, words, before, scores, states)
        self._children.update(zip(keys, range(first, first + len(keys))))

    def _append(
        self,
        parents: IntArray | int,
        words: IntArray,
        before: IntArray | int,
        scores: FloatArray | float,
        states: NGramStates,
    ) -> int:
        """Store histories and return the number of the first.

        Args:
            parents: the histories that they extend.
            words: their last words.
            before: the words before these, plus one; 0 for none.
            scores: scores of the last words.
            states: n-gram states after the last words.
        """
        first, self._n_histories = self._n_histories, self._n_histories + len(words)
        rows = slice(first, self._n_histories)
        while self._n_histories > len(self._keys):
            self._keys, self._last_words = doubled(self._keys), doubled(self._last_words)
            self._parents, self._scores = doubled(self._parents), doubled(self._scores)
            self._states = NGramStates(doubled(self._states.words), doubled(self._states.backoffs))
        self._states.words[rows], self._states.backoffs[rows] = states
        self._keys[rows] = before * self._base + words + 1
        self._last_words[rows], self._parents[rows] = words, parents
        self._scores[rows] = scores
        return first

    def _mix(self, n_grams: FloatArray, recurrent: FloatArray) -> FloatArray:
        """Return the common logarithms of the mixture of probabilities."""
        first, second = n_grams + self._log_shares[0], recurrent + self._log_shares[1]
        return np.asarray(np.logaddexp(first * _LN_10, second * _LN_10) / _LN_10, np.float32)

    def _recurrent_rows(self, histories: Sequence[int]) -> IntArray:
        """Return the rows of histories' recurrent states; missing ones are computed at once."""
        assert self._recurrent is not None
        rows = self._rows
        missing = [h for h in dict.fromkeys(histories) if h not in rows]
        if missing:
            # The parents are there: a history is only extended once it has been scored.
            before = np.array([rows[parent] for parent in self._parents[missing].tolist()])
            words = self._numbers[self._last_words[missing]]
            first = self._recurrent.advance(self._recurrent_states, before, words)
            rows.update(zip(missing, range(first, first + len(missing))))
        return np.array([rows[h] for h in histories])
