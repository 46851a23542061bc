"""Changes to samples keep what they must keep."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.arrays import FloatArray
from streamer.training.data.noises import Noises
from streamer.training.data.waveform import (
    WaveformAugmentation,
    WaveformSettings,
    add_noise,
    change_speed,
    set_peak,
)

RATE_HZ = 16000
EVERYTHING = WaveformSettings(
    speed=1, room=1, noise=1, clipping=1, band=1, codec=1, eight_bits=1, rooms=5
)


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
    slow, fast = EVERYTHING.speed_factor
    assert len(samples) / fast - 2 <= len(changed) <= len(samples) / slow + 2


def test_the_same_dice_make_the_same_samples_in_any_process() -> None:
    change = WaveformAugmentation(RATE_HZ, EVERYTHING)
    there = pickle.loads(pickle.dumps(change))
    one, other = (each(_tone(300), np.random.default_rng(7)) for each in (change, there))
    np.testing.assert_array_equal(one, other)


def test_no_strength_leaves_speed_noise_and_level_near_where_they_were() -> None:
    mild = WaveformSettings(speed=1, room=0, noise=1, clipping=0, band=0, codec=0, eight_bits=0)
    tone = _tone(500, 2.0)
    changed = WaveformAugmentation(RATE_HZ, mild)(tone, np.random.default_rng(2), strength=0.0)
    assert len(changed) == len(tone)
    assert np.abs(changed).max() == pytest.approx(1.0)
    noise = changed * (0.3 / float(changed @ tone) * float(tone @ tone) / 0.3) - tone
    assert 10 * np.log10(_power(tone) / _power(noise)) == pytest.approx(30, abs=0.5)


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_speed_moves_pitch_and_length_together(factor: float) -> None:
    tone = _tone(400)
    faster = change_speed(tone, factor)
    assert len(faster) == pytest.approx(len(tone) / factor, abs=2)
    assert _loudest_hz(faster) == pytest.approx(400 * factor, abs=5)


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 25.0])
def test_noise_is_as_loud_as_was_asked_for(snr_db: float) -> None:
    tone = _tone(500, 2.0)
    noise = Noises(RATE_HZ).draw(len(tone), np.random.default_rng(3))
    added = add_noise(tone, noise, snr_db) - tone
    assert 10 * np.log10(_power(tone) / _power(added)) == pytest.approx(snr_db, abs=0.1)


def test_the_peak_is_set_and_silence_stays_silence() -> None:
    assert np.abs(set_peak(_tone(300), 0.7)).max() == pytest.approx(0.7)
    assert not set_peak(np.zeros(100, np.float32), 0.7).any()
