"""Words that the beam search can find: those of the scorer and of the user."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.decoding.alphabet import Alphabet
from streamer.decoding.scorer.package import Scorer
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

    Attributes:
        words: all words by number.
        n_grams: the scorer's language model for these numbers.
        kept: numbers of the words that the search can find, ascending.
        number: the number of each word in ``kept``.
        boosts: weights of the user's words by number, natural logarithms.

    Raises:
        DecoderError: a user's word cannot be spelled or pronounced.
        ScorerError: the scorer's file has changed or is damaged.
    """

    def __init__(
        self,
        alphabet: Alphabet,
        scorer: Scorer,
        user_words: Sequence[UserWord],
        units: WordUnits,
        max_words: int,
    ) -> None:
        _check_user_words(user_words, alphabet, units)
        weights = {word.word: word.weight for word in user_words}
        words = scorer.words(alphabet)
        words += sorted(set(weights) - set(words))
        self.words = words
        self.n_grams = scorer.n_grams(words)
        self.boosts = {i: weights[word] for i, word in enumerate(words) if word in weights}
        if len(words) > max_words:
            likeliest = np.argsort(-self.n_grams.unigrams, kind="stable")[:max_words]
            self.kept = sorted({*likeliest.tolist(), *self.boosts})
        else:
            self.kept = list(range(len(words)))
        self.number = {words[i]: i for i in self.kept}


def _check_user_words(user_words: Sequence[UserWord], alphabet: Alphabet, units: WordUnits) -> None:
    for word in user_words:
        if not alphabet.can_spell(word.word) or " " in word.word:
            letters = "".join(label for label in alphabet.labels if label != " ")
            raise DecoderError(
                f"The model's alphabet cannot spell the word {word.word!r}",
                f"use only the letters {letters}",
            )
        if not units.token_sequences(word.word):
            raise DecoderError(
                f"The model has no pronunciation for the word {word.word!r}",
                "spell it as it sounds",
            )
