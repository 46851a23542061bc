"""The beam search: scores against the sum over all paths, merging, priming."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest

from streamer.arrays import FloatArray
from streamer.decoding import DecodingSettings, UserWord, read_scorer
from streamer.decoding.lexicon.letter_to_sound import LetterToSound
from streamer.decoding.lexicon.lexicon import Lexicon
from streamer.decoding.search.beam import BeamSearch
from streamer.decoding.search.units import LetterUnits, PhonemeUnits, WordUnits
from tests.support.paths import TINY_SCORER as TINY
from tests.support.posteriors import ENGLISH, posteriors

#: Nothing is pruned.
EVERYTHING = DecodingSettings(
    beam=100_000, beam_threshold=1e5, cutoff_top_n=1000, max_words=1, lm_alpha=0.7, lm_beta=0.4
)


def _ctc(probabilities: FloatArray, labels: Sequence[int], blank: int) -> float:
    """Return the probability of labels: the sum over all paths (forward algorithm)."""
    path = [blank, *(x for label in labels for x in (label, blank))]
    alpha = np.zeros(len(path))
    alpha[0] = 1.0
    for frame in probabilities.astype(np.float64):
        before = alpha.copy()
        for k, label in enumerate(path):
            alpha[k] = before[k] + (before[k - 1] if k else 0.0)
            if k > 1 and label != blank and label != path[k - 2]:
                alpha[k] += before[k - 2]
            alpha[k] *= frame[label]
    return float(alpha[-1] + (alpha[-2] if len(path) > 1 else 0.0))


def _sentences(words: Sequence[str], most: int) -> list[tuple[str, ...]]:
    return [s for n in range(most + 1) for s in itertools.product(words, repeat=n)]


def _language_model(words: Sequence[str], end: bool) -> dict[tuple[str, ...], float]:
    scorer = read_scorer(TINY)
    model = scorer.n_grams(words)
    scores = {}
    for sentence in _sentences(words, 2):
        context, total = model.initial_states(), 0.0
        numbers = [words.index(word) for word in sentence]
        for number in [*numbers, model.end] if end else numbers:
            context, score = model.score(context, np.array([number]))
            total += float(score[0])
        scores[sentence] = total
    return scores


def _search(units: WordUnits, words: Sequence[str]) -> BeamSearch:
    # One word of the scorer is kept; the others are user words with weight 0.
    return BeamSearch(
        ENGLISH, read_scorer(TINY), EVERYTHING, [UserWord(w, 0.0) for w in words], units
    )


@pytest.mark.parametrize("seed", range(5))
def test_letters_sum_the_probability_of_all_paths(seed: int) -> None:
    words = ["a", "am", "i"]
    random = np.random.default_rng(seed)
    rows = random.dirichlet(np.full(29, 0.3), 5).astype(np.float32)
    search = _search(LetterUnits(ENGLISH), words)
    known = [w for w in read_scorer(TINY).words(ENGLISH) if search.is_word(w)]
    assert set(words) <= set(known)
    search.feed(rows[:2])
    search.feed(rows[2:])
    search.finish()
    found = {" ".join(c.text.split()): c.score for c in search.candidates(10_000)}
    last = np.zeros((1, 29), np.float32)
    last[0, ENGLISH.space] = 1.0
    rows = np.maximum(np.concatenate([rows, last]), 1e-30)
    scores = _language_model(known, end=False)
    best: dict[str, float] = {}
    for sentence, score in scores.items():
        # Two words at most: with a third, hypotheses with the same last two would merge.
        # Spaces may repeat between words and before the first.
        total = 0.0
        for spaces in itertools.product(range(1, 5), repeat=len(sentence) + 1):
            text = " " * (spaces[0] - 1)
            text += "".join(w + " " * n for w, n in zip(sentence, spaces[1:]))
            if len(text) <= 6:
                total += _ctc(rows, ENGLISH.encode(text), ENGLISH.blank)
        if total > 0:
            worth = 0.7 * math.log(10) * score + 0.4 * len(sentence)
            best[" ".join(sentence)] = math.log(total) + worth
    for text in sorted(best, key=lambda t: -best[t])[:8]:
        if text:
            assert found[text] == pytest.approx(best[text], abs=0.02), text


@pytest.mark.parametrize("seed", range(5))
def test_phonemes_sum_the_probability_of_all_paths(seed: int) -> None:
    said = {"a": [(2,)], "am": [(2, 6)], "i": [(5,)], "to": [(6,)]}
    lexicon = Lexicon(said, lambda: LetterToSound({}))
    units = PhonemeUnits(ENGLISH, lexicon, 40)
    words = ["a", "am", "i"]
    random = np.random.default_rng(seed)
    sounds = random.dirichlet(np.full(40, 0.3), 2).astype(np.float32)
    rows = np.concatenate([np.zeros((2, 29), np.float32), sounds], axis=1)
    search = _search(units, words)
    known = [w for w in read_scorer(TINY).words(ENGLISH) if search.is_word(w)]
    search.feed(rows)
    search.finish()
    found = {candidate.text.strip(): candidate.score for candidate in search.candidates(10_000)}
    scores = _language_model(known, end=True)
    for sentence, score in scores.items():
        labels = [label for word in sentence for label in said[word][0]]
        total = _ctc(sounds, labels, units.blank)
        if total > 1e-12:
            worth = 0.7 * math.log(10) * score + 0.4 * len(sentence)
            expected = math.log(total) + worth
            assert found[" ".join(sentence)] == pytest.approx(expected, abs=1e-3)


def test_hypotheses_with_the_same_last_words_merge() -> None:
    # "a a a am" and "i a a am" differ only before their last two words.
    said = {"a": [(2,)], "am": [(6,)], "i": [(5,)], "to": [(7,)]}
    units = PhonemeUnits(ENGLISH, Lexicon(said, lambda: LetterToSound({})), 40)
    search = _search(units, ["a", "am", "i"])
    rows = np.zeros((7, 69), np.float32)
    for frame, sounds in enumerate([(2, 5), (39,), (2,), (39,), (2,), (39,), (6,)]):
        for sound in sounds:
            rows[frame, 29 + sound] = 1 / len(sounds)
    search.feed(rows[:1])
    assert {candidate.text for candidate in search.candidates(2)} == {"a ", "i "}
    search.feed(rows[1:])
    search.finish()
    candidates = search.candidates(2)
    assert candidates[0].text.split()[1:] == ["a", "a", "am"]
    # The other beginning is gone: all other candidates are very unlikely.
    assert candidates[1].score < candidates[0].score - 50


def test_primed_words_take_no_frames_but_set_the_context() -> None:
    said = {"a": [(2,)], "am": [(6,)], "i": [(5,)], "to": [(7,)]}
    units = PhonemeUnits(ENGLISH, Lexicon(said, lambda: LetterToSound({})), 40)
    search = _search(units, ["a", "am", "i"])
    rows = np.zeros((1, 69), np.float32)
    rows[0, 29 + 6] = 1.0
    scores = []
    for primed in (["i"], ["a"]):
        search.reset()
        assert search.prime(primed) == 0
        search.feed(rows)
        (candidate,) = search.candidates(1)
        assert candidate.text == f"{primed[0]} am "
        assert candidate.frames == (0, 0, 0, 0, 1)
        assert candidate.labels[2:] == (29 + 6, 29 + 6, 29 + 39)
        scores.append(candidate.score)
    words = ["a", "am", "i"]
    model = read_scorer(TINY).n_grams(words)
    expected = []
    for word in (2, 0):
        context, _ = model.score(model.initial_states(), np.array([word]))
        _, (score,) = model.score(context, np.array([1]))
        expected.append(0.7 * math.log(10) * score + 0.4)
    assert scores == pytest.approx(expected, abs=1e-4)


def test_an_incomplete_word_at_the_end_is_dropped() -> None:
    search = BeamSearch(ENGLISH, read_scorer(TINY), DecodingSettings(beam_threshold=9.0))
    search.feed(posteriors("the microph", noise=0.0, tail_frames=2))
    assert any("micro" in candidate.text for candidate in search.candidates(5))
    search.finish()
    assert search.candidates(1)[0].text.split() == ["the"]
