"""The trigram of a model's words, against counting in sentences drawn from the same words."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")

from streamer.training.adaptation.phoneme_language import _Counts

EDGE = 4
WORDS = {(0, 1): 0.4, (2,): 0.25, (3, 0, 2): 0.35}
SENTENCE_WORDS = 12


def test_expected_counts_are_those_of_drawn_sentences() -> None:
    counts = _Counts(EDGE)
    for phonemes, share in WORDS.items():
        counts.add(phonemes, share)
    expected = counts.trigrams()
    random = np.random.default_rng(0)
    words = list(WORDS)
    drawn = np.zeros((EDGE + 1,) * 3)
    n_words = 0
    for _ in range(20_000):
        # The sentence ends after each word with the same probability.
        length = random.geometric(1 / SENTENCE_WORDS)
        n_words += length
        chosen = random.choice(len(words), length, p=list(WORDS.values()))
        padded = [EDGE, EDGE, *(p for k in chosen for p in words[k]), EDGE]
        for place in zip(padded, padded[1:], padded[2:]):
            drawn[place] += 1
    # Only words of one phoneme at the edge of a sentence are counted as if they stood inside.
    np.testing.assert_allclose(expected, drawn / n_words, atol=0.02)
    assert abs(expected.sum() - drawn.sum() / n_words) < 0.02
