"""A language model looked up where it lies gives what KenLM gives."""

from __future__ import annotations

from pathlib import Path
from typing import List

import numpy as np
import pytest
from flashlight.lib.text.decoder.kenlm import KenLM
from flashlight.lib.text.dictionary import Dictionary

from streamer.decoding import UserWord, create_decoder, n_grams, read_scorer
from streamer.decoding.decoder import Hypothesis

from .conftest import SHARED
from .posteriors import ENGLISH, chunks, posteriors

TINY = Path(__file__).parent / "data" / "tiny.scorer"
SCORERS = [
    TINY,
    pytest.param(
        SHARED / "reference" / "pruned_lm.scorer",
        marks=pytest.mark.skipif(
            not (SHARED / "reference").is_dir(), reason="needs ../shared, which is not here"
        ),
    ),
]


@pytest.mark.parametrize("path", SCORERS)
def test_every_sequence_of_words_scores_as_in_kenlm(path: Path) -> None:
    scorer = read_scorer(path)
    words = [*scorer.words(ENGLISH), "zorblax", "qqq"]
    kenlm = KenLM(str(path), Dictionary([*words, "<unk>"]))
    mapped = scorer.open_mapped()
    indices = mapped.indices(words)
    assert (indices[-2:] == 0).all() and (indices[:-2] > 0).all()
    empty = kenlm.start(True)
    alone = [kenlm.score(empty, i)[1] for i in range(len(words))]
    np.testing.assert_array_equal(mapped.unigrams(indices), np.array(alone, np.float32))
    random = np.random.default_rng(0)
    common = np.argsort(alone)[-60:]
    for _ in range(300):
        state, context = kenlm.start(False), mapped.begin()
        for word in random.choice(common if random.random() < 0.8 else len(words), 6).tolist():
            state, expected = kenlm.score(state, word)
            score, context = mapped.score(context, int(indices[word]))
            assert score == pytest.approx(expected, abs=1e-5)


def test_a_decoder_with_a_mapped_model_hears_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: List[List[Hypothesis]] = []
    for limit in (n_grams.MAPPED_BYTES, 0):
        monkeypatch.setattr(n_grams, "MAPPED_BYTES", limit)
        decoder = create_decoder("beam", ENGLISH, TINY, None, [UserWord("zorblax")])
        hypotheses = []
        for seed in range(3):
            decoder.reset()
            for chunk in chunks(posteriors("she said zorblax went to the market", seed, 0.2)):
                decoder.feed(chunk)
                hypotheses.append(decoder.hypothesis())
            hypotheses.append(decoder.finish())
        heard.append(hypotheses)
    assert [h.text for h in heard[0]] == [h.text for h in heard[1]]
    assert [h.score for h in heard[0]] == pytest.approx([h.score for h in heard[1]], abs=1e-3)
