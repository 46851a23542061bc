"""Front ends against the software they imitate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from python_speech_features import mfcc

from streamer.errors import ModelError
from streamer.features import (
    DeepSpeechFrontEnd,
    PythonSpeechFeaturesFrontEnd,
    create_front_end,
)
from tests.conftest import SHARED, needs_shared

REFERENCE = SHARED / "reference"
NOTHING = np.zeros(0, np.float32)


def one_by_one(front_end, samples):
    """Coefficients of every full window of a signal, a window at a time."""
    rows, history = [], NOTHING
    for start in range(0, len(samples) - front_end.window_samples + 1, front_end.step_samples):
        window = samples[start : start + front_end.window_samples]
        rows.append(front_end.coefficients(window, history)[0])
        after = start + front_end.step_samples
        history = samples[after - front_end.history_samples : after]
    return np.stack(rows)


@pytest.mark.parametrize("front_end", [DeepSpeechFrontEnd(), PythonSpeechFeaturesFrontEnd()])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), windows=st.integers(1, 40), rest=st.integers(0, 319))
def test_windows_together_have_the_same_bits_as_one_by_one(
    front_end, seed: int, windows: int, rest: int
) -> None:
    random = np.random.default_rng(seed)
    samples = random.standard_normal(512 + 320 * (windows - 1) + rest).astype(np.float32)
    together = front_end.coefficients(samples, NOTHING)
    assert together.shape == (windows, front_end.n_coefficients)
    np.testing.assert_array_equal(together, one_by_one(front_end, samples))


@needs_shared
def test_deepspeech_features_of_speech_equal_the_graphs_own() -> None:
    samples = np.load(REFERENCE / "new-home-in-the-stars-16k_samples_i16.npy")
    expected = np.load(REFERENCE / "new-home-in-the-stars-16k_mfcc_tf.npy")
    ours = one_by_one(DeepSpeechFrontEnd(), samples.astype(np.float32) / 32768)
    assert ours.shape == expected.shape
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5)


@needs_shared
@pytest.mark.parametrize("case", range(6))
def test_deepspeech_features_of_corner_cases_equal_the_graphs_own(case: int) -> None:
    samples = np.load(REFERENCE / "corner_samples.npy")[case]
    expected = np.load(REFERENCE / "corner_mfcc_tf.npy")[case]
    ours = DeepSpeechFrontEnd().coefficients(samples, NOTHING)[0]
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5)


def test_digital_silence_has_the_known_c0_and_nothing_else() -> None:
    silence = DeepSpeechFrontEnd().coefficients(np.zeros(512, np.float32), NOTHING)[0]
    # sqrt(2 / 40) * 40 * ln(1e-12)
    assert silence[0] == pytest.approx(np.sqrt(2 / 40) * 40 * np.log(1e-12), abs=1e-4)
    assert silence[0] == pytest.approx(-247.1, abs=0.05)
    np.testing.assert_allclose(silence[1:], 0, atol=1e-4)


def test_constant_samples_do_not_leak_above_the_first_bins() -> None:
    """The periodic window puts a constant into bins 0 and 1, which no filter reads."""
    constant = DeepSpeechFrontEnd().coefficients(np.full(512, 0.5, np.float32), NOTHING)[0]
    silence = DeepSpeechFrontEnd().coefficients(np.zeros(512, np.float32), NOTHING)[0]
    np.testing.assert_allclose(constant, silence, atol=1e-3)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    windows=st.integers(1, 12),
    append_energy=st.booleans(),
    lifter=st.sampled_from([0, 22]),
    pre_emphasis=st.sampled_from([0.0, 0.97]),
    window=st.sampled_from(["hamming", "hann", "rectangular"]),
)
def test_psf_front_end_equals_the_package(
    seed: int, windows: int, append_energy: bool, lifter: int, pre_emphasis: float, window: str
) -> None:
    front_end = PythonSpeechFeaturesFrontEnd(
        append_energy=append_energy, lifter=lifter, pre_emphasis=pre_emphasis, window=window
    )
    random = np.random.default_rng(seed)
    samples = (0.3 * random.standard_normal(512 + 320 * (windows - 1))).astype(np.float32)
    expected = mfcc(
        samples.astype(np.float64) * 32768,
        16000,
        winlen=512 / 16000,
        winstep=320 / 16000,
        numcep=26,
        nfilt=26,
        nfft=512,
        lowfreq=0,
        preemph=pre_emphasis,
        ceplifter=lifter,
        appendEnergy=append_energy,
        winfunc={"hamming": np.hamming, "hann": np.hanning, "rectangular": np.ones}[window],
    )
    ours = one_by_one(front_end, samples)
    assert ours.shape == expected.shape
    np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=2e-5)


def test_psf_front_end_of_silence_equals_the_package() -> None:
    expected = mfcc(np.zeros(512), 16000, winlen=0.032, numcep=26, winfunc=np.hamming)
    ours = PythonSpeechFeaturesFrontEnd().coefficients(np.zeros(512, np.float32), NOTHING)[0]
    np.testing.assert_allclose(ours, expected[0], rtol=1e-6, atol=2e-5)


@pytest.mark.parametrize(
    "front_end",
    [
        DeepSpeechFrontEnd(),
        DeepSpeechFrontEnd(8000, 256, 160, 13, 20, 100.0, 3800.0),
        PythonSpeechFeaturesFrontEnd(),
        PythonSpeechFeaturesFrontEnd(8000, 200, 80, n_fft=256, n_coefficients=13, lifter=0),
    ],
)
def test_a_description_restores_the_front_end(front_end) -> None:
    again = create_front_end(front_end.describe())
    samples = np.random.default_rng(0).standard_normal(front_end.window_samples)
    samples = samples.astype(np.float32) * np.float32(0.1)
    history = np.full(front_end.history_samples, 0.25, np.float32)
    assert again.describe() == front_end.describe()
    np.testing.assert_array_equal(
        again.coefficients(samples, history), front_end.coefficients(samples, history)
    )


@pytest.mark.parametrize(
    "description",
    [
        {},
        {"kind": "mel"},
        {"kind": "deepspeech", "windows": 3},
        {"kind": "python_speech_features", "window": "square"},
    ],
)
def test_an_invalid_description_is_a_model_error(description) -> None:
    with pytest.raises(ModelError):
        create_front_end(description)
