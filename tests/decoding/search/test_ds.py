"""DeepSpeech's own decoder, the real package, as reference for our scorers and scores.

Needs Python 3.9 (ds_ctcdecoder) or 3.10 (coqui_stt_ctcdecoder); skipped elsewhere.
"""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamer.arrays import FloatArray
from streamer.decoding import (
    DecodingSettings,
    UserWord,
    create_decoder,
    read_scorer,
    write_alphabet,
    write_scorer,
)
from streamer.decoding.search.beam import BeamSearch
from streamer.decoding.search.contract import prime_with_letters
from streamer.decoding.search.ds import DsSearch, find_ds_package
from streamer.errors import DecoderError
from tests.conftest import SHARED, needs_shared
from tests.support.paths import TINY_SCORER as TINY
from tests.support.posteriors import ENGLISH, chunks, posteriors

PACKAGE = find_ds_package()

pytestmark = pytest.mark.skipif(
    PACKAGE is None, reason="neither ds_ctcdecoder nor coqui_stt_ctcdecoder is installed"
)

SENTENCES = [
    "the microphone heard what elizabeth said to her mother",
    "we went to the market near the mountain",
    "science is a great thing",
    "i do not know why men believe women",
]


def original(
    folder: Path,
    rows: FloatArray,
    scorer: Path | None,
    beam: int,
    alpha: float = 0.9,
    beta: float = 1.2,
) -> str:
    """Decode a whole utterance with the package's own function."""
    package: Any = importlib.import_module(str(PACKAGE))
    write_alphabet(folder / "alphabet.txt", ENGLISH)
    labels = package.Alphabet(str(folder / "alphabet.txt"))
    model = package.Scorer(alpha, beta, str(scorer), labels) if scorer else None
    found = package.ctc_beam_search_decoder(
        rows.astype(np.float64), labels, beam, cutoff_prob=1.0, cutoff_top_n=40, scorer=model
    )
    best = found[0]
    text = best.transcript if hasattr(best, "transcript") else best[1]
    return str(text)


def final(kind: str, rows: FloatArray, scorer: Path | None, **settings: Any) -> str:
    decoder = create_decoder(kind, ENGLISH, scorer, DecodingSettings(**settings))
    for chunk in chunks(rows):
        decoder.feed(chunk)
    return decoder.finish().text


@pytest.mark.parametrize("seed", range(24))
def test_chunks_give_what_the_original_gives_for_the_whole(tmp_path: Path, seed: int) -> None:
    rows = posteriors(SENTENCES[seed % 4], seed=seed, confusion=0.25, noise=0.1)
    expected = original(tmp_path, rows, TINY, 200).strip()
    assert final("ds", rows, TINY, beam=200) == expected


def test_chunks_without_a_scorer_do_too(tmp_path: Path) -> None:
    rows = posteriors(SENTENCES[0], seed=1, confusion=0.2)
    expected = original(tmp_path, rows, None, 50)
    assert final("ds", rows, None, beam=50) == " ".join(expected.split())


@needs_shared
def test_our_package_gives_the_texts_of_the_original_package(tmp_path: Path) -> None:
    theirs = SHARED / "reference" / "pruned_lm.scorer"
    scorer = read_scorer(theirs)
    words = scorer.words(ENGLISH)
    ours = tmp_path / "ours.scorer"
    write_scorer(ours, theirs, words, ENGLISH, scorer.alpha, scorer.beta)
    random = np.random.default_rng(0)
    for seed in range(6):
        rows = posteriors(" ".join(random.choice(words, 7)), seed=seed, confusion=0.3, noise=0.1)
        texts = [original(tmp_path, rows, path, 100) for path in (theirs, ours)]
        assert texts[0] == texts[1] != ""


def test_the_weights_mean_the_same_in_both_decoders() -> None:
    # With certain letters, only the language model contributes to the score.
    scorer = read_scorer(TINY)
    for alpha, beta in [(0.9, 1.2), (0.3, -2.0), (2.0, 0.0)]:
        settings = DecodingSettings(lm_alpha=alpha, lm_beta=beta)
        scores: list[float] = []
        for search in (BeamSearch(ENGLISH, scorer, settings), DsSearch(ENGLISH, scorer, settings)):
            prime_with_letters(search, ENGLISH, SENTENCES[0].split())
            best = search.candidates(1)[0]
            assert best.text.strip() == SENTENCES[0]
            scores.append(best.score)
        assert math.isclose(scores[0], scores[1], abs_tol=0.05)


def test_a_hotword_is_made_likelier() -> None:
    # The original adds the boost at the space after the word.
    rows = posteriors("i saw them here", seed=1, noise=0.0)
    letters = [ENGLISH.encode(letter)[0] for letter in "mn"]
    at = int(rows[:, letters[0]].argmax())
    rows[at, letters] = 0.45
    heard = {}
    for hot in ("them", "then"):
        decoder = create_decoder("ds", ENGLISH, TINY, None, [UserWord(hot, 9.0)])
        decoder.feed(rows)
        heard[hot] = decoder.finish().text
    assert heard == {"them": "i saw them here", "then": "i saw then here"}


def test_new_words_are_rejected_with_advice() -> None:
    with pytest.raises(DecoderError, match="--decoder beam"):
        create_decoder("ds", ENGLISH, TINY, None, [UserWord("zorblax")])
    with pytest.raises(DecoderError, match="language model"):
        create_decoder("ds", ENGLISH, None, None, [UserWord("the")])
