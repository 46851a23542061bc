"""N-gram scores from the mapped file equal KenLM's."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamer.bundle import bundled_folder
from streamer.decoding import read_scorer
from streamer.decoding.language.kenlm_file import read_kenlm_header
from streamer.decoding.language.n_grams import NGrams
from tests.conftest import SHARED
from tests.support.paths import DATA
from tests.support.posteriors import ENGLISH

kenlm = pytest.importorskip(
    "flashlight.lib.text.decoder.kenlm", reason="no flashlight-text for this Python: KenLM itself"
)


#: The same n-grams with and without quantised scores and arrays of pointers' high bits.
KINDS = ("plain", "arrays", "rounded", "arrays-rounded")
MODELS = [
    DATA / "tiny.scorer",
    *(DATA / "n-grams" / f"{kind}.bin" for kind in KINDS),
    bundled_folder() / "english.scorer",
    pytest.param(
        SHARED / "reference" / "pruned_lm.scorer",
        marks=pytest.mark.skipif(
            not (SHARED / "reference").is_dir(), reason="needs ../shared, which is not here"
        ),
    ),
]


class Both:
    """A model read by us and by KenLM, with its words and two unknown ones."""

    def __init__(self, path: Path) -> None:
        more = ["zorblax", "qqq"]
        if path.suffix == ".scorer":
            scorer = read_scorer(path)
            self.words = [*scorer.words(ENGLISH), *more]
            self.ours = scorer.n_grams(self.words)
        else:
            text = (path.parent / "text.txt").read_text(encoding="utf-8")
            self.words = [*sorted(set(text.split())), *more]
            data = memoryview(path.read_bytes())
            self.ours = NGrams(data, read_kenlm_header(data), self.words)
        dictionary = importlib.import_module("flashlight.lib.text.dictionary").Dictionary
        self.kenlm: Any = kenlm.KenLM(str(path), dictionary([*self.words, "<unk>"]))


@pytest.fixture(scope="module", params=MODELS, ids=lambda path: path.stem)
def both(request: pytest.FixtureRequest) -> Both:
    return Both(request.param)


def test_every_sequence_of_words_scores_as_in_kenlm(both: Both) -> None:
    empty = both.kenlm.start(True)
    alone = [both.kenlm.score(empty, i)[1] for i in range(len(both.words))]
    np.testing.assert_array_equal(both.ours.unigrams, np.array(alone, np.float32))
    random = np.random.default_rng(0)
    common = np.argsort(alone)[-60:]
    rows = 300
    states: list[Any] = [both.kenlm.start(False) for _ in range(rows)]
    contexts = both.ours.initial_states().take(np.zeros(rows, np.int64))
    for _ in range(6):
        words = np.where(
            random.random(rows) < 0.8,
            random.choice(common, rows),
            random.integers(0, len(both.words), rows),
        )
        expected = []
        for row, word in enumerate(words.tolist()):
            states[row], score = both.kenlm.score(states[row], word)
            expected.append(score)
        contexts, scores = both.ours.score(contexts, words)
        np.testing.assert_allclose(scores, expected, atol=1e-5)
    ends = both.ours.score(contexts, np.full(rows, both.ours.end))[1]
    np.testing.assert_allclose(ends, [both.kenlm.finish(s)[1] for s in states], atol=1e-5)


def test_texts_score_the_same_together_and_alone(both: Both) -> None:
    random = np.random.default_rng(1)
    words = random.integers(0, len(both.words), (4, 50))
    contexts = both.ours.initial_states().take(np.zeros(50, np.int64))
    together = []
    for row in words:
        contexts, scores = both.ours.score(contexts, row)
        together.append(scores)
    for column in range(50):
        context = both.ours.initial_states()
        for place, word in enumerate(words[:, column]):
            context, score = both.ours.score(context, np.array([word]))
            assert score[0] == together[place][column]
    nobody = both.ours.score(
        both.ours.initial_states().take(np.zeros(0, np.int64)), np.zeros(0, np.int64)
    )
    assert len(nobody[1]) == len(nobody[0].words) == 0
