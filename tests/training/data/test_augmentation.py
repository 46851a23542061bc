"""Changes to coefficients: what is not changed stays to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.arrays import FloatArray
from streamer.features import DeepSpeechFrontEnd, PythonSpeechFeaturesFrontEnd, create_front_end
from streamer.training.data.augmentation import Cepstrum, FeatureAugmentation
from streamer.training.settings import AugmentationSettings

FRONT_ENDS = [PythonSpeechFeaturesFrontEnd().describe(), DeepSpeechFrontEnd().describe()]
NOTHING = AugmentationSettings(
    stretch=0, warp=0, gain_db=0, tilt_db=0, noise=0, reverberation=0, padding_steps=0,
    time_masks=0, frequency_masks=0,
)  # fmt: skip


def _vectors(front_end: dict[str, Any], n: int = 60, gain: float = 1.0) -> FloatArray:
    front = create_front_end(front_end)
    random = np.random.default_rng(5)
    windows = gain * random.normal(0, 0.1, (n, 512)) * random.uniform(0.01, 1, (n, 1))
    return np.stack([front.coefficients(w.astype(np.float32), w[:1] * 0)[0] for w in windows])


@pytest.mark.parametrize("front_end", FRONT_ENDS, ids=lambda f: f["kind"])
def test_coefficients_survive_the_way_to_filters_and_back(front_end: dict[str, Any]) -> None:
    cepstrum = Cepstrum(front_end)
    vectors = _vectors(front_end)
    np.testing.assert_allclose(cepstrum.vectors(cepstrum.energies(vectors)), vectors, atol=2e-3)


@pytest.mark.parametrize("front_end", FRONT_ENDS, ids=lambda f: f["kind"])
def test_strength_zero_changes_nothing(front_end: dict[str, Any]) -> None:
    vectors = _vectors(front_end)
    augmentation = FeatureAugmentation(front_end, AugmentationSettings())
    changed, position = augmentation(vectors, 0.0, np.random.default_rng(0))
    np.testing.assert_array_equal(changed, vectors)
    np.testing.assert_array_equal(position, np.arange(len(vectors)))


@pytest.mark.parametrize("front_end", FRONT_ENDS, ids=lambda f: f["kind"])
def test_bounds_of_zero_change_nothing_but_rounding(front_end: dict[str, Any]) -> None:
    vectors = _vectors(front_end)
    changed, _ = FeatureAugmentation(front_end, NOTHING)(vectors, 1.0, np.random.default_rng(0))
    np.testing.assert_allclose(changed, vectors, atol=1e-3)


@pytest.mark.parametrize("front_end", FRONT_ENDS, ids=lambda f: f["kind"])
def test_gain_on_coefficients_is_gain_on_samples(front_end: dict[str, Any]) -> None:
    cepstrum = Cepstrum(front_end)
    soft, loud = _vectors(front_end), _vectors(front_end, gain=2.0)
    step = np.float32(20 * np.log10(2.0) * np.log(10.0) / 10.0 * cepstrum.power)
    change = cepstrum.vectors(cepstrum.energies(soft) + step) - cepstrum.vectors(
        cepstrum.energies(soft)
    )
    np.testing.assert_allclose(soft + change, loud, atol=2e-2)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 120), st.floats(0.01, 1.0),
    st.sampled_from(FRONT_ENDS),
)  # fmt: skip
def test_whatever_the_dice_vectors_stay_finite_and_positions_inside(
    seed: int, n: int, strength: float, front_end: dict[str, Any]
) -> None:
    vectors = _vectors(front_end, n)
    sure = AugmentationSettings(noise=1.0, reverberation=1.0)
    augmentation = FeatureAugmentation(front_end, sure)
    changed, position = augmentation(vectors, strength, np.random.default_rng(seed))
    assert changed.dtype == np.float32
    assert changed.shape == (len(position), vectors.shape[1])
    assert np.isfinite(changed).all()
    assert position.min() >= 0
    assert position.max() <= n - 1


def test_the_same_dice_make_the_same_vectors() -> None:
    augmentation = FeatureAugmentation(FRONT_ENDS[0], AugmentationSettings())
    vectors = _vectors(FRONT_ENDS[0])
    one, _ = augmentation(vectors, 1.0, np.random.default_rng(3))
    other, _ = augmentation(vectors, 1.0, np.random.default_rng(3))
    np.testing.assert_array_equal(one, other)


def test_noise_raises_what_is_quiet_and_leaves_what_is_loud() -> None:
    settings_ = AugmentationSettings(
        **{**NOTHING.__dict__, "noise": 1.0, "noise_snr_db": (20.0, 20.0)}
    )
    cepstrum = Cepstrum(FRONT_ENDS[0])
    vectors = _vectors(FRONT_ENDS[0])
    changed, _ = FeatureAugmentation(FRONT_ENDS[0], settings_)(
        vectors, 1.0, np.random.default_rng(0)
    )
    before, after = cepstrum.energies(vectors), cepstrum.energies(changed)
    rise = (after - before).mean(axis=1)
    loudness = before.mean(axis=1)
    assert rise[loudness.argmin()] > 2.0
    assert -0.01 < rise[loudness.argmax()] < 1.0


def test_views_differ_in_their_masks_alone() -> None:
    vectors = _vectors(FRONT_ENDS[0], 120)
    masks = AugmentationSettings(time_masks=20)
    views, position = FeatureAugmentation(FRONT_ENDS[0], masks).views(
        vectors, 1.0, np.random.default_rng(3), 2
    )
    assert views[0].shape == views[1].shape == (len(position), vectors.shape[1])
    assert not np.allclose(views[0], views[1])
    without = AugmentationSettings(time_masks=0, frequency_masks=0)
    same, _ = FeatureAugmentation(FRONT_ENDS[0], without).views(
        vectors, 1.0, np.random.default_rng(3), 2
    )
    np.testing.assert_array_equal(same[0], same[1])
