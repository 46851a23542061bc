"""Changes to samples keep what they must keep."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.arrays import FloatArray
from streamer.training.data.waveform import (
    WaveformAugmentation,
    WaveformSettings,
    add_noise,
    change_speed,
    clip_peaks,
    coloured_noise,
    in_room,
    limit_band,
    set_peak,
    simulated_room,
    through_codec,
)

RATE_HZ = 16000
EVERYTHING = WaveformSettings(room=1, noise=1, clipping=1, band=1, codec=1)


def _tone(hz: float, seconds: float = 0.5) -> FloatArray:
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (0.3 * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def _power(samples: FloatArray) -> float:
    return float(np.mean(samples.astype(float) ** 2))


def _loudest_hz(samples: FloatArray) -> float:
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.fft.rfftfreq(len(samples), 1 / RATE_HZ)[spectrum.argmax()])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 5000))
def test_whatever_the_dice_samples_stay_finite_and_within_full_scale(seed: int, n: int) -> None:
    random = np.random.default_rng(seed)
    samples = random.uniform(-1, 1, n + 400).astype(np.float32)
    changed = WaveformAugmentation(RATE_HZ, EVERYTHING)(samples, random)
    assert changed.dtype == np.float32
    assert np.isfinite(changed).all()
    assert np.abs(changed).max() <= 1
    slow, fast = EVERYTHING.speed
    assert len(samples) / fast - 2 <= len(changed) <= len(samples) / slow + 2


def test_the_same_dice_make_the_same_samples_in_any_process() -> None:
    change = WaveformAugmentation(RATE_HZ, EVERYTHING)
    there = pickle.loads(pickle.dumps(change))
    one, other = (each(_tone(300), np.random.default_rng(7)) for each in (change, there))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_speed_moves_pitch_and_length_together(factor: float) -> None:
    tone = _tone(400)
    faster = change_speed(tone, factor)
    assert len(faster) == pytest.approx(len(tone) / factor, abs=2)
    assert _loudest_hz(faster) == pytest.approx(400 * factor, abs=5)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_room_begins_with_the_direct_sound_and_dies_away(seed: int) -> None:
    response = simulated_room(RATE_HZ, np.random.default_rng(seed))
    assert response[0] == 1
    assert np.isfinite(response).all()
    assert len(response) <= RATE_HZ
    quarter = max(1, len(response) // 4)
    assert _power(response[-quarter:]) < 0.1 * _power(response[:quarter])


def test_a_room_keeps_length_and_energy_and_smears_time() -> None:
    click = np.zeros(8000, np.float32)
    click[100] = 0.5
    wet = in_room(click, simulated_room(RATE_HZ, np.random.default_rng(1)))
    assert len(wet) == len(click)
    assert np.sum(wet**2) == pytest.approx(np.sum(click**2), rel=1e-4)
    assert np.all(np.abs(wet[:100]) < 1e-6)
    assert np.count_nonzero(np.abs(wet[101:]) > 1e-5) > 100


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 25.0])
def test_noise_is_as_loud_as_was_asked_for(snr_db: float) -> None:
    tone = _tone(500, 2.0)
    noise = coloured_noise(len(tone), np.random.default_rng(3))
    added = add_noise(tone, noise, snr_db) - tone
    assert 10 * np.log10(_power(tone) / _power(added)) == pytest.approx(snr_db, abs=0.1)


def test_clipping_cuts_peaks_and_nothing_else() -> None:
    tone = _tone(200)
    clipped = clip_peaks(tone, 0.5)
    assert np.abs(clipped).max() == pytest.approx(0.15, rel=1e-3)
    quiet = np.abs(tone) < 0.14
    np.testing.assert_array_equal(clipped[quiet], tone[quiet])


def test_a_narrow_band_lets_the_middle_through_and_not_the_edges() -> None:
    middle, low = _tone(1000, 1.0), _tone(20, 1.0)
    passed = limit_band(middle, RATE_HZ, np.random.default_rng(0))
    stopped = limit_band(low, RATE_HZ, np.random.default_rng(0))
    assert _power(passed) > 0.9 * _power(middle)
    assert _power(stopped) < 0.1 * _power(low)


def test_every_codec_keeps_the_sound_recognisable_and_the_length() -> None:
    tone = _tone(700, 1.0)
    for seed in range(12):
        coded = through_codec(tone, RATE_HZ, np.random.default_rng(seed))
        assert len(coded) == len(tone)
        assert _loudest_hz(coded) == pytest.approx(700, abs=10)


def test_the_peak_is_set_and_silence_stays_silence() -> None:
    assert np.abs(set_peak(_tone(300), 0.7)).max() == pytest.approx(0.7)
    assert not set_peak(np.zeros(100, np.float32), 0.7).any()
