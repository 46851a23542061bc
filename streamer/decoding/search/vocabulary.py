"""Words that the beam search can find: those of the scorer and of the user."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.arrays import Array, FloatArray
from streamer.decoding.alphabet import Alphabet
from streamer.decoding.language.recurrent_model import RecurrentModel
from streamer.decoding.scorer.package import Scorer
from streamer.decoding.search.base_vocabulary import (
    BaseVocabulary,
    build_base_vocabulary,
    spell,
)
from streamer.decoding.search.prefix_tree import LexiconGraph, add_roots, build_prefix_tree
from streamer.decoding.search.units import WordUnits
from streamer.decoding.user_words import UserWord
from streamer.errors import DecoderError


class Vocabulary:
    """Numbered words with their language model, cut to the likeliest.

    Args:
        alphabet: the labels.
        scorer: language model and words.
        user_words: words to add or to make likelier.
        units: what words are made of.
        max_words: words kept, besides the user's.
        recurrent: a recurrent model, if there is one.
        base: the scorer's words; None builds them.

    Attributes:
        words: all words by number.
        n_grams: the scorer's language model for these numbers.
        recurrent_numbers: the recurrent model's number of each word, int32 (n_words,).
        boosts: weights of the user's words by number, natural logarithms.

    Raises:
        DecoderError: a user's word cannot be spelled or pronounced, or the alphabet lacks
            letters of the scorer's words.
        ScorerError: the scorer's file has changed or is damaged.
    """

    def __init__(
        self,
        alphabet: Alphabet,
        scorer: Scorer,
        user_words: Sequence[UserWord],
        units: WordUnits,
        max_words: int,
        recurrent: RecurrentModel | None = None,
        base: BaseVocabulary | None = None,
    ) -> None:
        _check_user_words(user_words, alphabet, units)
        self._base = base or build_base_vocabulary(alphabet, scorer, units, max_words, recurrent)
        self._units = units
        weights = {word.word: word.weight for word in user_words}
        new = sorted(word for word in weights if self._base.words.number(word) is None)
        self.words = self._base.words.with_others(new)
        self.n_grams = scorer.n_grams(self.words, self._base.numbers)
        self.recurrent_numbers = self._base.recurrent
        if recurrent is not None and new:
            self.recurrent_numbers = np.concatenate([self._base.recurrent, recurrent.numbers(new)])
        numbers = {word: self.words.number(word) for word in weights}
        self.boosts = {n: weights[word] for word, n in numbers.items() if n is not None}
        self._kept: Array = self._base.kept
        if self.boosts:
            self._kept = np.concatenate([self._base.kept, np.zeros(len(new), np.uint8)])
            self._kept[list(self.boosts)] = True

    def number(self, word: str) -> int | None:
        """Return the number of a word that the search can find, None for any other word."""
        number = self.words.number(word)
        return number if number is not None and self._kept[number] else None

    def last_tokens(self, number: int) -> list[int]:
        """Return the last token of each token sequence of a word; no token twice."""
        if number < len(self._base.kept) and self._base.kept[number]:
            tokens, lengths, words = self._base.sequences
            ends = np.cumsum(lengths, dtype=np.int64)[np.flatnonzero(words == number)]
            last: list[int] = np.unique(tokens[ends - 1]).tolist()
            return last
        return sorted({each[-1] for each in self._units.token_sequences(self.words[number])})

    def graph(self, scores: FloatArray, weight: float) -> LexiconGraph:
        """Return the graph that the search moves through.

        Args:
            scores: the score of each word, its boost included; float32 (n_words,).
            weight: factor of the scores.
        """
        tree = self._base.tree
        if self.boosts or weight < 0:  # a negative weight makes another word the best
            base = self._base
            sequences = base.sequences.take(self._kept[base.sequences.words].astype(bool))
            added = [n for n in sorted(self.boosts) if n >= len(base.kept) or not base.kept[n]]
            sequences = sequences.append(spell(self._units, [(n, self.words[n]) for n in added]))
            tree = build_prefix_tree(sequences, np.sign(weight) * scores)
            tree = add_roots(tree, self._units.n_tokens)
        return LexiconGraph(tree, self._units.n_tokens, abs(weight))


def _check_user_words(user_words: Sequence[UserWord], alphabet: Alphabet, units: WordUnits) -> None:
    for word in user_words:
        if not alphabet.can_spell(word.word) or " " in word.word:
            letters = "".join(label for label in alphabet.labels if label != " ")
            raise DecoderError(
                f"the model's alphabet cannot spell the word {word.word!r}",
                f"use only the letters {letters}",
            )
        if not units.token_sequences(word.word):
            raise DecoderError(
                f"the model has no pronunciation for the word {word.word!r}",
                "spell it as it sounds",
            )
