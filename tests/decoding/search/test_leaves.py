"""The beam search over leaves: phonemes whose label depends on the phoneme before."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from streamer.arrays import FloatArray
from streamer.decoding import DecodingSettings, UserWord, read_scorer
from streamer.decoding.lexicon.leaves import Leaves
from streamer.decoding.lexicon.letter_to_sound import LetterToSound, Pronunciation
from streamer.decoding.lexicon.lexicon import Lexicon
from streamer.decoding.search.beam import BeamSearch
from streamer.decoding.search.units import PhonemeUnits
from tests.support.leaves import random_leaves, untied
from tests.support.paths import TINY_SCORER as TINY
from tests.support.posteriors import ENGLISH

N_PHONEMES = 39
WORDS = ["a", "am", "i"]
#: Two phonemes each, some of them twice; "am" may end with another one.
SAID = {"a": [(2, 2)], "am": [(2, 6)], "i": [(6, 2)], "to": [(6, 6)]}
#: Nothing is pruned.
EVERYTHING = DecodingSettings(
    beam=100_000, beam_threshold=1e5, cutoff_top_n=1000, max_words=1, lm_alpha=0.7, lm_beta=0.4
)


def _search(
    leaves: Leaves | None,
    said: Mapping[str, list[Pronunciation]] = SAID,
    settings: DecodingSettings = EVERYTHING,
) -> BeamSearch:
    # One word of the scorer is kept; the others are user words with weight 0.
    lexicon = Lexicon(said, lambda: LetterToSound({}))
    n_labels = 1 + (N_PHONEMES if leaves is None else len(leaves))
    units = PhonemeUnits(ENGLISH, lexicon, n_labels, leaves)
    words = [UserWord(word, 0.0) for word in WORDS]
    return BeamSearch(ENGLISH, read_scorer(TINY), settings, words, units)


def _rows(sounds: FloatArray) -> FloatArray:
    return np.concatenate([np.zeros((len(sounds), 29), np.float32), sounds], axis=1)


def _random_sounds(random: np.random.Generator, frames: int, leaves: Leaves) -> FloatArray:
    """Return probabilities of leaves and blank, high for those that the words can have."""
    weights = np.full(len(leaves) + 1, 0.05)
    weights[[*np.unique(leaves.table[:, [2, 6]]), -1]] = 1.0
    return random.dirichlet(weights, frames).astype(np.float32)


def _ctc(probabilities: FloatArray, labels: Sequence[int]) -> float:
    """Return the probability of labels: the sum over all paths, each collapsed."""
    blank = probabilities.shape[1] - 1
    total = 0.0
    for path in itertools.product(sorted({*labels, blank}), repeat=len(probabilities)):
        if [k for k, _ in itertools.groupby(path) if k != blank] == list(labels):
            total += math.prod(probabilities[range(len(path)), path].astype(float).tolist())
    return total


def _language_model(sentence: Sequence[str], known: Sequence[str], end: bool = True) -> float:
    """Return the weighted score of a sentence."""
    model = read_scorer(TINY).n_grams(known)
    context, total = model.initial_states(), 0.0
    numbers = [known.index(word) for word in sentence]
    for number in [*numbers, model.end] if end else numbers:
        context, score = model.score(context, np.array([number]))
        total += float(score[0])
    return 0.7 * math.log(10) * total + 0.4 * len(sentence)


@pytest.mark.parametrize("seed", range(6))
def test_leaves_sum_the_probability_of_all_paths(seed: int) -> None:
    random = np.random.default_rng(seed)
    leaves = random_leaves(random, N_PHONEMES, 3)
    sounds = _random_sounds(random, 5, leaves)
    search = _search(leaves)
    known = [word for word in read_scorer(TINY).words(ENGLISH) if search.is_word(word)]
    search.feed(_rows(sounds[:2]))
    search.feed(_rows(sounds[2:]))
    search.finish()
    found = {candidate.text.strip(): candidate.score for candidate in search.candidates(10_000)}
    # Five frames hold two words at most; hypotheses of three could merge.
    possible = 0
    for n in range(3):
        for sentence in itertools.product(known, repeat=n):
            phonemes = [p for word in sentence for p in SAID[word][0]]
            total = _ctc(sounds, leaves.of(phonemes))
            if total > 1e-12:
                possible += 1
                expected = math.log(total) + _language_model(sentence, known)
                assert found[" ".join(sentence)] == pytest.approx(expected, abs=1e-3)
    assert possible > 8


@pytest.mark.parametrize("seed", range(4))
def test_a_leaf_for_each_phoneme_changes_nothing(seed: int) -> None:
    random = np.random.default_rng(seed)
    said = {"a": [(2,), (5, 2)], "am": [(2, 6)], "i": [(5,), (5, 5)], "to": [(6, 5, 2)]}
    settings = DecodingSettings(beam=20, beam_threshold=12.0, cutoff_top_n=5, max_words=1)
    searches = [_search(leaves, said, settings) for leaves in (None, untied(N_PHONEMES))]
    weights = np.full(N_PHONEMES + 1, 0.05)
    weights[[2, 5, 6, -1]] = 1.0
    for primed in ([], ["i", "am"]):
        rows = _rows(random.dirichlet(weights, 60).astype(np.float32))
        for search in searches:
            search.reset()
            if primed:
                search.prime(primed)
        for start in range(0, len(rows), 16):
            for search in searches:
                search.feed(rows[start : start + 16])
            one, other = (search.candidates(16) for search in searches)
            assert one == other
        for search in searches:
            search.finish()
        assert searches[0].candidates(16) == searches[1].candidates(16)


def test_characters_are_read_from_the_columns_of_their_leaves() -> None:
    leaves = random_leaves(np.random.default_rng(5), N_PHONEMES, 30)
    search = _search(leaves)
    path = leaves.of([2, 6, 6, 2])
    sounds = np.full((8, len(leaves) + 1), 1e-6, np.float32)
    for frame in range(8):
        sounds[frame, -1 if frame % 2 else path[frame // 2]] = 1.0
    search.feed(_rows(sounds))
    search.finish()
    (best,) = search.candidates(1)
    assert best.text == "am i "
    assert best.frames == (0, 2, 3, 4, 7)
    first, second, third, _ = path
    blank = 29 + len(leaves)
    assert best.labels == (29 + first, 29 + second, blank, 29 + third, blank)


@pytest.mark.parametrize("last", [6, 9])
def test_a_word_behind_primed_ones_is_behind_their_last_phoneme(last: int) -> None:
    random = np.random.default_rng(last)
    leaves = random_leaves(random, N_PHONEMES, 30)
    said = {**SAID, "am": [(2, 6), (2, 9)]}
    behind, second = leaves.of([2, last, 6, 2])[2:]
    assert len({*leaves.table[[N_PHONEMES, 6, 9], 6]}) == 3
    sounds = np.full((3, len(leaves) + 1), 1e-9, np.float32)
    sounds[[0, 2], [behind, second]] = 0.5
    sounds[1, -1] = 1.0
    search = _search(leaves, said)
    known = [word for word in read_scorer(TINY).words(ENGLISH) if search.is_word(word)]
    search.prime(["a", "am"])
    search.feed(_rows(sounds))
    (best,) = search.candidates(1)
    assert best.text == "a am i "
    gained = [_language_model(words, known, end=False) for words in (["a", "am", "i"], ["a", "am"])]
    assert best.score == pytest.approx(2 * math.log(0.5) + gained[0] - gained[1], abs=1e-3)


def test_pruning_counts_phonemes_and_not_their_leaves() -> None:
    leaves = random_leaves(np.random.default_rng(1), N_PHONEMES, 30)
    settings = DecodingSettings(beam=50, cutoff_top_n=2, max_words=1)
    path = leaves.of([2, 6])
    sounds = np.full((2, len(leaves) + 1), 1e-9, np.float32)
    for frame, (leaf, phoneme) in enumerate(zip(path, (2, 6))):
        others = np.setdiff1d(np.flatnonzero(leaves.phonemes == phoneme), [leaf])[:5]
        assert len(others) == 5
        sounds[frame, others] = 0.15
        sounds[frame, leaf] = 0.1
        sounds[frame, -1] = 1e-4
    search = _search(leaves, settings=settings)
    search.feed(_rows(sounds))
    search.finish()
    assert search.candidates(1)[0].text == "am "
