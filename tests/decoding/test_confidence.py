"""Confidence of words: evidence, calibration, and what a bundle says of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.decoding import DecodingSettings
from streamer.decoding.confidence import FEATURES, Calibration, RawConfidence, features
from streamer.decoding.evidence import Agreement, Evidence, read_letters, similarity
from streamer.decoding.word_spans import Segmentation, WordSpan
from streamer.errors import ModelError
from tests.support.posteriors import ENGLISH

SURE = Evidence(-0.01, 1.0, 1.0, 1.0, 0.0, -1.0, 5.0, 20.0, 0.0, 20.0)
FIELDS: dict[str, Any] = {
    "weights": {name: 1.0 for name in FEATURES}, "bias": -2.0, "doubtful": 0.6
}  # fmt: skip
calibrations = st.builds(
    Calibration,
    st.tuples(*[st.floats(-10, 10)] * len(FEATURES)),
    st.floats(-10, 10),
    st.just(0.5),
)
shares = st.floats(0, 1)
evidence = st.builds(
    Evidence,
    st.floats(-30, 0), shares, shares, shares, st.integers(0, 5).map(float),
    st.floats(-30, 0), st.integers(1, 20).map(float), st.integers(1, 500).map(float),
    st.floats(0, 1e5), st.floats(0, 1e5),
)  # fmt: skip


@given(calibrations, st.lists(evidence, max_size=8))
def test_confidences_are_probabilities(calibration: Calibration, words: list[Evidence]) -> None:
    for estimator in (calibration, RawConfidence()):
        confidences = estimator.probabilities(words)
        assert confidences.shape == (len(words),)
        assert ((confidences >= 0) & (confidences <= 1)).all()


@given(st.lists(evidence, min_size=1, max_size=8))
def test_features_are_finite(words: list[Evidence]) -> None:
    columns = features(words)
    assert columns.shape == (len(words), len(FEATURES))
    assert np.isfinite(columns).all()


def test_a_word_that_the_candidates_doubt_is_less_sure() -> None:
    weights = tuple(float(name == "share") for name in FEATURES)
    sure, doubted = Calibration(weights, -2.0, 0.5).probabilities(
        [SURE, SURE._replace(share=0.4)]
    )  # fmt: skip
    assert sure > doubted


def test_without_a_calibration_the_acoustic_probability_stands() -> None:
    assert RawConfidence().probabilities([SURE])[0] == pytest.approx(math.exp(-0.01))
    assert DecodingSettings.from_mapping({}).confidence is None


def test_a_bundle_brings_its_calibration() -> None:
    settings = DecodingSettings.from_mapping({"confidence": FIELDS})
    assert settings.confidence is not None
    assert settings.confidence.doubtful == 0.6
    assert DecodingSettings.from_mapping({"confidence": FIELDS}, "ds").confidence is None


def test_weights_of_another_version_are_left_alone() -> None:
    fewer = {"acoustic": 1.0}
    assert DecodingSettings.from_mapping({"confidence": {**FIELDS, "weights": fewer}}) == (
        DecodingSettings()
    )


@pytest.mark.parametrize(
    "spoiled",
    [
        {"bias": "high"}, {"bias": float("nan")}, {"doubtful": 2}, {"weights": 3},
        {"weights": {name: None for name in FEATURES}},
    ],
)  # fmt: skip
def test_a_calibration_that_is_none_is_an_error(spoiled: dict[str, Any]) -> None:
    with pytest.raises(ModelError):
        DecodingSettings.from_mapping({"confidence": {**FIELDS, **spoiled}})


@pytest.mark.parametrize("spoiled", [3, [], "yes"])
def test_an_entry_of_another_kind_is_an_error(spoiled: Any) -> None:
    with pytest.raises(ModelError):
        DecodingSettings.from_mapping({"confidence": spoiled})


def candidate(score: float, *words: str) -> Segmentation:
    spans = tuple(
        WordSpan(word, tuple(range(10 * k, 10 * k + len(word))), (0,) * len(word), 10 * k + 9)
        for k, word in enumerate(words)
    )
    return Segmentation(score, spans, len(spans))


def test_agreement_is_counted_from_the_first_chunk_on() -> None:
    agreement = Agreement()
    agreement.update([candidate(0.0, "we", "went"), candidate(0.0, "we", "want")], 0, 0)
    agreement.update([candidate(0.0, "we", "went")], 0, 0)
    assert agreement.of(0) == (1.0, 1.0, 0.0)
    assert agreement.of(1) == (0.75, 0.5, 0.0)


def test_a_word_in_the_place_of_another_begins_anew() -> None:
    agreement = Agreement()
    agreement.update([candidate(0.0, "we", "want")], 0, 0)
    agreement.update([candidate(0.0, "we", "went"), candidate(0.0, "we", "want")], 0, 0)
    assert agreement.of(1) == (0.5, 0.5, 1.0)


def test_stable_words_keep_their_agreement() -> None:
    agreement = Agreement()
    agreement.update([candidate(0.0, "we", "went"), candidate(0.0, "he", "went")], 0, 0)
    agreement.update([candidate(0.0, "we", "went")], 0, 1)
    agreement.update([candidate(0.0, "went", "home")], 1, 1)
    assert agreement.of(0)[0] == 0.5
    assert agreement.of(7) == (1.0, 1.0, 0.0)


def test_letters_are_read_without_the_language_model() -> None:
    rows = np.zeros((6, 29), np.float32)
    path = [ENGLISH.blank, *ENGLISH.encode("to"), ENGLISH.blank, *ENGLISH.encode("oo")]
    rows[np.arange(6), path] = 1
    assert read_letters(rows, ENGLISH) == "too"


@pytest.mark.parametrize(
    "word, heard, alike",
    [("home", "we went home again", 1.0), ("home", "hone", 0.75), ("home", "", 0.0)],
)
def test_how_well_a_word_is_found_in_letters(word: str, heard: str, alike: float) -> None:
    assert similarity(word, heard) == alike
