"""Noises of each kind sound as they are called, and never the same twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.arrays import FloatArray
from streamer.errors import StreamerError
from streamer.training.data.noises import Noises, read_noises

RATE_HZ = 16000


def _recording(hz: float, seconds: float = 0.5) -> np.ndarray:
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return np.rint(9000 * np.sin(2 * np.pi * hz * t)).astype(np.int16)


ALL = Noises(RATE_HZ, [_recording(900)], [_recording(300, 3.0), _recording(500, 3.0)])


def _share(samples: FloatArray, low_hz: float, high_hz: float) -> float:
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    return float(power[(frequency >= low_hz) & (frequency <= high_hz)].sum() / power.sum())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 777, 20000]))
def test_noise_of_any_kind_and_length_has_mean_power_1(seed: int, n: int) -> None:
    noise = ALL.draw(n, np.random.default_rng(seed))
    assert noise.dtype == np.float32
    assert noise.shape == (n,)
    assert np.isfinite(noise).all()
    # A stretch of one sample may be a zero of a recording.
    assert np.mean(noise**2) == pytest.approx(1, rel=1e-3) or not noise.any()


def test_the_same_dice_make_the_same_noise_and_others_another() -> None:
    one, same, other = (ALL.draw(4000, np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_recorded_noise_is_the_recording_over_and_over() -> None:
    noise = ALL.recorded(3 * RATE_HZ, np.random.default_rng(0))
    assert _share(noise, 890, 910) > 0.95


def test_hum_is_harmonics_of_the_mains() -> None:
    for seed in range(6):
        noise = ALL.hum(2 * RATE_HZ, np.random.default_rng(seed))
        spectrum = np.abs(np.fft.rfft(noise))
        loudest_hz = float(spectrum.argmax()) / 2
        assert min(loudest_hz % 50, -loudest_hz % 50, loudest_hz % 60, -loudest_hz % 60) <= 0.5


def test_a_fan_is_mostly_low() -> None:
    for seed in range(6):
        assert _share(ALL.fan(RATE_HZ, np.random.default_rng(seed)), 0, 1000) > 0.8


def test_coloured_noise_is_at_times_white_and_at_times_dark() -> None:
    shares = [
        _share(ALL.coloured(RATE_HZ, np.random.default_rng(seed)), 4000, 8000) for seed in range(40)
    ]
    assert min(shares) < 0.05
    assert any(abs(share - 0.5) < 0.02 for share in shares)


def test_babble_is_made_of_the_voices_there_are() -> None:
    noise = ALL.babble(RATE_HZ, np.random.default_rng(1))
    assert _share(noise, 290, 310) + _share(noise, 490, 510) > 0.95


def test_a_folder_is_read_in_order_and_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "b.wav", _recording(500), RATE_HZ)
    soundfile.write(tmp_path / "a.flac", _recording(700, 0.25), RATE_HZ // 2)
    soundfile.write(tmp_path / "silent.wav", np.zeros(100), RATE_HZ)
    (tmp_path / "c.wav").write_bytes(b"no sound")
    (tmp_path / "readme.txt").write_text("noises", encoding="utf-8")
    first, second = read_noises(tmp_path, RATE_HZ)
    assert first.dtype == np.int16
    assert (len(first), len(second)) == (8000, 8000)
    assert _share(second.astype(np.float32), 490, 510) > 0.9


def test_a_folder_without_noise_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StreamerError, match="no recordings of noise"):
        read_noises(tmp_path, RATE_HZ)
