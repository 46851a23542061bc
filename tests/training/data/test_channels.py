"""Bands, codecs, coarse samples and clipping do what they say and no more."""

from __future__ import annotations

import numpy as np
import pytest

from streamer.arrays import FloatArray
from streamer.training.data.channels import (
    CODECS,
    clip_peaks,
    draw_band,
    draw_codec,
    eight_bits,
    limit_band,
    through_codec,
)

RATE_HZ = 16000


def _tone(hz: float, seconds: float = 1.0) -> FloatArray:
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (0.3 * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def _power(samples: FloatArray) -> float:
    return float(np.mean(samples.astype(np.float64) ** 2))


def _loudest_hz(samples: FloatArray) -> float:
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.fft.rfftfreq(len(samples), 1 / RATE_HZ)[spectrum.argmax()])


def test_a_band_lets_the_middle_through_and_nothing_outside() -> None:
    def left(hz: float) -> float:
        passed = limit_band(_tone(hz), RATE_HZ, 300, 3400)
        inside = slice(2000, -2000)
        return _power(passed[inside]) / _power(_tone(hz)[inside])

    assert left(1000) == pytest.approx(1, abs=0.01)
    assert left(3400) == pytest.approx(0.25, abs=0.03)
    assert left(150) < 1e-4
    assert left(4000) < 1e-4


def test_without_a_lower_edge_low_frequencies_stay() -> None:
    passed = limit_band(_tone(60), RATE_HZ, 0, 4000)
    np.testing.assert_allclose(passed[2000:-2000], _tone(60)[2000:-2000], atol=2e-3)
    assert passed.dtype == np.float32


def test_drawn_bands_keep_the_voice() -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        low, high, width = draw_band(random)
        assert 0 <= low <= 350
        assert 2800 <= high <= 7500
        assert width > 0


@pytest.mark.parametrize("name", list(CODECS))
def test_every_codec_keeps_the_sound_recognisable_and_the_length(name: str) -> None:
    tone = _tone(700)
    coded = through_codec(tone, RATE_HZ, name, np.random.default_rng(0))
    assert coded.dtype == np.float32
    assert len(coded) == len(tone)
    assert _loudest_hz(coded) == pytest.approx(700, abs=10)
    assert not np.array_equal(coded, tone)


def test_every_codec_is_drawn() -> None:
    random = np.random.default_rng(0)
    assert {draw_codec(random) for _ in range(300)} == set(CODECS)


@pytest.mark.parametrize("peak", [1.0, 0.25])
def test_8_bits_make_the_error_of_their_step(peak: float) -> None:
    tone = _tone(437.3)
    coarse = eight_bits(tone, peak)
    assert len(np.unique(coarse)) <= 257
    step = 0.3 / (128 * peak)
    assert _power(coarse - tone) == pytest.approx(step**2 / 12, rel=0.15)
    assert not eight_bits(np.zeros(10, np.float32), peak).any()


def test_clipping_cuts_peaks_and_nothing_else() -> None:
    tone = _tone(200)
    clipped = clip_peaks(tone, 0.5)
    assert np.abs(clipped).max() == pytest.approx(0.15, rel=1e-3)
    quiet = np.abs(tone) < 0.14
    np.testing.assert_array_equal(clipped[quiet], tone[quiet])
