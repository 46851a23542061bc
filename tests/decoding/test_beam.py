"""The beam search against the sum over all paths, its tree, and its meeting hypotheses."""

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
from streamer.decoding.search.prefix_tree import PrefixTree
from streamer.decoding.search.units import LetterUnits, PhonemeUnits, WordUnits
from tests.support.paths import TINY_SCORER
from tests.support.posteriors import ENGLISH, posteriors

TINY = TINY_SCORER
#: Nothing is thrown away.
EVERYTHING = DecodingSettings(
    beam=100_000, beam_threshold=1e5, cutoff_top_n=1000, max_words=1, lm_alpha=0.7, lm_beta=0.4
)


def _ctc(probabilities: FloatArray, labels: Sequence[int], blank: int) -> float:
    """Return the probability of labels: the sum over all paths, written out."""
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
    # One word of the scorer is kept; the others come as a user's, of weight 0.
    return BeamSearch(
        ENGLISH, read_scorer(TINY), EVERYTHING, [UserWord(w, 0.0) for w in words], units
    )


@pytest.mark.parametrize("seed", range(5))
def test_words_of_letters_have_the_probability_of_all_their_paths(seed: int) -> None:
    words = ["a", "am", "i"]
    random = np.random.default_rng(seed)
    rows = random.dirichlet(np.full(29, 0.3), 5).astype(np.float32)
    search = _search(LetterUnits(ENGLISH), words)
    known = [w for w in read_scorer(TINY).words(ENGLISH) if search.is_word(w)]
    assert set(words) <= set(known)
    search.feed(rows[:2])
    search.feed(rows[2:])
    search.finish()
    found = {" ".join(path.text.split()): path.score for path in search.candidates(10_000)}
    last = np.zeros((1, 29), np.float32)
    last[0, ENGLISH.space] = 1.0
    rows = np.maximum(np.concatenate([rows, last]), 1e-30)
    scores = _language_model(known, end=False)
    best: dict[str, float] = {}
    for sentence, score in scores.items():
        # Two words at most: with a third, hypotheses of the same last two would meet.
        # Spaces may be heard more than once between words, and before the first.
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
def test_words_of_phonemes_have_the_probability_of_all_their_paths(seed: int) -> None:
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
    found = {path.text.strip(): path.score for path in search.candidates(10_000)}
    scores = _language_model(known, end=True)
    for sentence, score in scores.items():
        labels = [label for word in sentence for label in said[word][0]]
        total = _ctc(sounds, labels, units.blank)
        if total > 1e-12:
            worth = 0.7 * math.log(10) * score + 0.4 * len(sentence)
            expected = math.log(total) + worth
            assert found[" ".join(sentence)] == pytest.approx(expected, abs=1e-3)


def test_hypotheses_with_the_same_last_words_meet() -> None:
    # "a a a am" and "i a a am": the third word does not know how the first one was.
    said = {"a": [(2,)], "am": [(6,)], "i": [(5,)], "to": [(7,)]}
    units = PhonemeUnits(ENGLISH, Lexicon(said, lambda: LetterToSound({})), 40)
    search = _search(units, ["a", "am", "i"])
    rows = np.zeros((7, 69), np.float32)
    for frame, sounds in enumerate([(2, 5), (39,), (2,), (39,), (2,), (39,), (6,)]):
        for sound in sounds:
            rows[frame, 29 + sound] = 1 / len(sounds)
    search.feed(rows[:1])
    assert {path.text for path in search.candidates(2)} == {"a ", "i "}
    search.feed(rows[1:])
    search.finish()
    paths = search.candidates(2)
    assert paths[0].text.split()[1:] == ["a", "a", "am"]
    # Its other beginning is gone: whatever else there is has not been heard.
    assert paths[1].score < paths[0].score - 50


def test_what_was_told_is_not_heard_again_but_counts() -> None:
    said = {"a": [(2,)], "am": [(6,)], "i": [(5,)], "to": [(7,)]}
    units = PhonemeUnits(ENGLISH, Lexicon(said, lambda: LetterToSound({})), 40)
    search = _search(units, ["a", "am", "i"])
    rows = np.zeros((1, 69), np.float32)
    rows[0, 29 + 6] = 1.0
    scores = []
    for told in (["i"], ["a"]):
        search.reset()
        assert search.prime(told) == 0
        search.feed(rows)
        (path,) = search.candidates(1)
        assert path.text == f"{told[0]} am "
        assert path.frames == (0, 0, 0, 0, 1) and path.labels[2:] == (29 + 6, 29 + 6, 29 + 39)
        scores.append(path.score)
    words = ["a", "am", "i"]
    model = read_scorer(TINY).n_grams(words)
    expected = []
    for word in (2, 0):
        context, _ = model.score(model.initial_states(), np.array([word]))
        _, (score,) = model.score(context, np.array([1]))
        expected.append(0.7 * math.log(10) * score + 0.4)
    assert scores == pytest.approx(expected, abs=1e-4)


def test_half_a_word_at_the_end_is_nothing() -> None:
    search = BeamSearch(ENGLISH, read_scorer(TINY), DecodingSettings(beam_threshold=9.0))
    search.feed(posteriors("the microph", noise=0.0, tail_frames=2))
    assert any("micro" in path.text for path in search.candidates(5))
    search.finish()
    assert search.candidates(1)[0].text.split() == ["the"]


def test_a_tree_shares_what_words_begin_with() -> None:
    ways = [[3, 1], [3], [3, 1, 2], [0, 5], [3, 1], [3, 4]]
    scores = np.array([-5.0, -1.0, -2.0, -9.0, -7.0], np.float32)
    tree = PrefixTree(ways, [0, 1, 2, 3, 4, 0], scores)
    assert len(tree) == 7  # the root, 3, 0, 3-1, 3-4, 0-5, 3-1-2

    def node(tokens: Sequence[int]) -> int:
        at = 0
        for token in tokens:
            children = range(tree.first_child[at], tree.first_child[at] + tree.n_children[at])
            (at,) = (child for child in children if tree.token[child] == token)
        return at

    def words(tokens: Sequence[int]) -> list[int]:
        first = tree.first_word[node(tokens)]
        return sorted(tree.word[first : first + tree.n_words[node(tokens)]].tolist())

    assert words([3, 1]) == [0, 4] and words([3]) == [1] and words([0]) == []
    assert words([0, 5]) == [3] and words([3, 4]) == [0] and words([3, 1, 2]) == [2]
    assert tree.best[node([3, 1])] == -2 and tree.best[node([3])] == -1
    assert tree.best[node([3, 4])] == -5 and tree.best[0] == 0
