"""Batched features are the framer's, to rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.features import DeepSpeechFrontEnd, PythonSpeechFeaturesFrontEnd
from streamer.training.data.cache import clip_features
from streamer.training.data.features import BatchedFrontEnd

FRONT_ENDS = [
    PythonSpeechFeaturesFrontEnd(),
    PythonSpeechFeaturesFrontEnd(append_energy=False, pre_emphasis=0.0, window="hann"),
    DeepSpeechFrontEnd(),
]


@pytest.mark.parametrize("front_end", FRONT_ENDS)
@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 9000), seed=st.integers(0, 1000))
def test_every_length_gives_the_vectors_of_the_framer(front_end: Any, n: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    loudness = random.choice([1e-3, 0.03, 0.9])
    samples = np.rint(random.uniform(-loudness, loudness, n) * 32767) / 32768
    samples = samples.astype(np.float32)
    description = front_end.describe()
    wanted = clip_features(samples, description)
    found = BatchedFrontEnd(description)(samples)
    assert found.dtype == np.float32
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, atol=2e-3)


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_digital_silence_is_the_framers(front_end: Any) -> None:
    description = front_end.describe()
    samples = np.zeros(2000, np.float32)
    np.testing.assert_allclose(
        BatchedFrontEnd(description)(samples), clip_features(samples, description), atol=2e-3
    )


def test_nothing_has_no_vectors() -> None:
    found = BatchedFrontEnd(FRONT_ENDS[0].describe())(np.zeros(0, np.float32))
    assert found.shape == (0, 26)
