"""The made conditions are what they say, and the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.conditions import (
    CONDITIONS,
    RATE_HZ,
    changed,
    measure,
    room_response,
    summary,
    table,
)
from streamer.arrays import FloatArray
from streamer.training.evaluation.error_rates import Errors


def _speech_like(seconds: float = 2.0) -> FloatArray:
    """Noise of all frequencies that swells and fades, at the level of speech."""
    n = round(seconds * RATE_HZ)
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * 3 * np.arange(n) / RATE_HZ)
    return (0.05 * swell * np.random.default_rng(0).normal(size=n)).astype(np.float32)


def _power(samples: FloatArray) -> float:
    return float(np.mean(samples.astype(np.float64) ** 2))


def _share_above(samples: FloatArray, hz: float) -> float:
    power = np.abs(np.fft.rfft(samples.astype(np.float64))) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    return float(power[frequency > hz].sum() / power.sum())


@pytest.mark.parametrize("name", list(CONDITIONS))
def test_a_condition_is_the_same_every_time_and_in_any_order(name: str) -> None:
    samples = _speech_like()
    first = changed(name, samples, "one.opus")
    changed(name, samples, "two.opus")
    np.testing.assert_array_equal(changed(name, samples, "one.opus"), first)
    assert first.dtype == np.float32
    assert np.abs(first).max() <= 1


def test_two_clips_get_other_noise() -> None:
    samples = _speech_like()
    one, two = (changed("noise-15db", samples, key) - samples for key in ("one", "two"))
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.05


def test_plain_is_unchanged() -> None:
    samples = _speech_like()
    np.testing.assert_array_equal(changed("plain", samples, "x"), samples)


@pytest.mark.parametrize(("name", "edge_hz"), [("11khz-8bit", 5512.5), ("8khz", 4000.0)])
def test_nothing_is_left_above_half_the_rate(name: str, edge_hz: float) -> None:
    samples = _speech_like()
    assert _share_above(samples, edge_hz) > 0.2
    narrow = changed(name, samples, "x")
    assert _share_above(narrow, edge_hz * 1.02) < 1e-4
    assert _share_above(narrow, edge_hz * 0.8) > 0.05
    assert len(narrow) == pytest.approx(len(samples), abs=2)


def test_8_bits_make_the_error_of_8_bits() -> None:
    t = np.arange(RATE_HZ) / RATE_HZ
    tone = (0.3 * np.sin(2 * np.pi * 437.3 * t)).astype(np.float32)
    error = changed("11khz-8bit", tone, "x")[1000:-1000] - tone[1000:-1000]
    # Steps of 1/128 of the peak: an error of step^2 / 12.
    assert _power(error) == pytest.approx((0.3 / 128) ** 2 / 12, rel=0.2)


def test_the_noise_is_white_and_15_db_below() -> None:
    samples = _speech_like(4.0)
    noise = changed("noise-15db", samples, "x") - samples
    assert 10 * np.log10(_power(samples) / _power(noise)) == pytest.approx(15, abs=0.15)
    assert _share_above(noise, 4000) == pytest.approx(0.5, abs=0.02)


def test_the_room_decays_by_60_db_in_0_4_s_and_its_direct_sound_is_9_db_below_the_tail() -> None:
    response = room_response(np.random.default_rng(1)).astype(np.float64)
    tail = response[1:]
    assert 10 * np.log10(response[0] ** 2 / np.sum(tail**2)) == pytest.approx(-9, abs=0.01)
    # Schroeder's backward integral, between -5 and -25 dB.
    left = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1] / np.sum(tail**2))
    start, end = np.argmax(left < -5), np.argmax(left < -25)
    assert 3 * (end - start) / RATE_HZ == pytest.approx(0.4, abs=0.03)


def test_the_room_keeps_the_power() -> None:
    samples = _speech_like()
    assert _power(changed("room", samples, "x")) == pytest.approx(_power(samples), rel=0.02)


def test_faster_is_15_percent_shorter() -> None:
    assert len(changed("faster-15", _speech_like(), "x")) * 1.15 == pytest.approx(
        2 * RATE_HZ, abs=3
    )


def test_a_row_for_each_condition_and_the_mean() -> None:
    found = summary([Errors(1, 10, 0, 50), Errors(0, 10, 0, 50)])
    assert found["wer"] == 0.05
    assert found["low"] <= 0.05 <= found["high"]
    text = table({"a": {"plain": found, "room": {**found, "wer": 0.15}}})
    assert text.splitlines()[-1] == "| mean | 10.0 |"
    assert len(text.splitlines()) == 5
    assert list(measure(lambda samples: "", [], ["plain", "room"])) == [("plain", []), ("room", [])]
