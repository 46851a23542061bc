"""A trigram of phonemes from a model's own words, for the denominator of CTC-CRF.

The training counts it in transcripts; whoever adapts a model has only a few sentences. So it is
counted in the scorer's words, each as often as the language model expects it, as if neighbouring
words were independent.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from streamer.bundle import Bundle
from streamer.decoding.alphabet import read_alphabet
from streamer.decoding.lexicon.letter_to_sound import PHONEMES
from streamer.decoding.lexicon.lexicon import read_lexicon
from streamer.decoding.scorer.package import read_scorer
from streamer.training.optimisation.denominator_lm import smoothed_trigram

#: The likeliest words are enough: the others together are less than a hundredth.
_WORDS = 20_000
#: Words of a sentence, and of the corpus that the counts stand for.
_SENTENCE_WORDS = 12
_CORPUS_WORDS = 200_000


def phoneme_trigram_of(bundle: Bundle) -> Tensor:
    """Return the trigram of a model with phonemes, see `denominator_lm.phoneme_trigram`."""
    assert bundle.lexicon_path is not None and bundle.scorer_path is not None
    words = read_scorer(bundle.scorer_path).words(read_alphabet(bundle.alphabet_path))
    unigrams = read_scorer(bundle.scorer_path).n_grams(words).unigrams
    lexicon = read_lexicon(bundle.lexicon_path)
    counts = _Counts(len(PHONEMES))
    for number in np.argsort(-unigrams)[:_WORDS].tolist():
        variants = lexicon.pronunciations(words[number])
        if variants:
            counts.add(variants[0], float(10.0 ** unigrams[number]))
    return torch.from_numpy(smoothed_trigram(counts.trigrams() * _CORPUS_WORDS))


class _Counts:
    """Expected phoneme trigrams within words and across them."""

    def __init__(self, edge: int) -> None:
        self._edge = edge
        size = edge + 1
        self._inner: npt.NDArray[np.float64] = np.zeros((size,) * 3)
        self._first: npt.NDArray[np.float64] = np.zeros(size)
        self._last: npt.NDArray[np.float64] = np.zeros(size)
        self._first_two: npt.NDArray[np.float64] = np.zeros((size, size))
        self._last_two: npt.NDArray[np.float64] = np.zeros((size, size))
        #: Words of one phoneme: what follows them has the word before as its context.
        self._single: npt.NDArray[np.float64] = np.zeros(size)

    def add(self, phonemes: tuple[int, ...], share: float) -> None:
        self._first[phonemes[0]] += share
        self._last[phonemes[-1]] += share
        if len(phonemes) == 1:
            self._single[phonemes[0]] += share
            return
        self._first_two[phonemes[:2]] += share
        self._last_two[phonemes[-2:]] += share
        for place in zip(phonemes, phonemes[1:], phonemes[2:]):
            self._inner[place] += share

    def trigrams(self) -> npt.NDArray[np.float64]:
        """Return the counts of a word: [second last, last, next], with the edge of a sentence."""
        total = self._first.sum()
        # What a word follows: the edge of the sentence, or another word.
        edge_share = 1 / _SENTENCE_WORDS
        last_two = self._last_two + np.outer(self._last / total, self._single)
        before_two = (1 - edge_share) * last_two / total
        before_two[self._edge, self._edge] = edge_share
        before_one = before_two.sum(axis=0)
        counts: npt.NDArray[np.float64] = self._inner / total
        counts += before_two[:, :, None] * self._first / total
        counts += before_one[:, None, None] * (self._first_two / total)
        counts[:, :, self._edge] += edge_share * last_two / total
        return counts
