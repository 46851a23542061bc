"""Mixing down and resampling: the same samples however the stream is cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.arrays import FloatArray
from streamer.audio.resampling import Resampler, mix_down

RATES = [8000, 11025, 16000, 22050, 44100, 48000, 96000]


def noise(n: int, channels: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).uniform(-1, 1, (n, channels)).astype(np.float32)


def resample(frames: FloatArray, sizes: list[int], rate_hz: int) -> FloatArray:
    """Feed the frames in blocks of these sizes, over and over."""
    resampler = Resampler(rate_hz, 16000)
    out, position, i = [], 0, 0
    while position < len(frames):
        n = sizes[i % len(sizes)]
        out.append(resampler.feed(frames[position : position + n]))
        position, i = position + n, i + 1
    return np.concatenate([*out, resampler.finish()])


@settings(max_examples=40, deadline=None)
@given(
    rate_hz=st.sampled_from(RATES),
    channels=st.integers(1, 9),
    n=st.integers(1, 5000),
    sizes=st.lists(st.integers(1, 1500), min_size=1, max_size=5),
)
def test_block_sizes_change_no_bit(rate_hz: int, channels: int, n: int, sizes: list[int]) -> None:
    frames = noise(n, channels)
    np.testing.assert_array_equal(resample(frames, sizes, rate_hz), resample(frames, [n], rate_hz))


@settings(max_examples=40, deadline=None)
@given(rate_hz=st.sampled_from(RATES), n=st.integers(1, 20000))
def test_the_number_of_samples_follows_from_the_rates(rate_hz: int, n: int) -> None:
    out = resample(noise(n, 1), [640], rate_hz)
    assert abs(len(out) - n * 16000 / rate_hz) <= 0.5 + 1e-9


@pytest.mark.parametrize("rate_hz", [8000, 44100, 48000])
def test_a_tone_stays_a_tone_in_pitch_time_and_loudness(rate_hz: int) -> None:
    def tone(rate: int) -> FloatArray:
        return np.sin(2 * np.pi * 440 * np.arange(rate) / rate).astype(np.float32)

    out = resample(tone(rate_hz)[:, None], [480], rate_hz)
    middle = slice(2000, 14000)  # the filter rings at the edges
    np.testing.assert_allclose(out[middle], tone(16000)[middle], atol=2e-3)


def test_frequencies_above_the_lower_rate_are_removed() -> None:
    tone = np.sin(2 * np.pi * 11000 * np.arange(48000) / 48000).astype(np.float32)
    out = resample(tone[:, None], [480], 48000)
    assert np.abs(out[2000:14000]).max() < 1e-3


def test_the_same_rate_leaves_mono_samples_unchanged() -> None:
    frames = noise(1000, 1)
    np.testing.assert_array_equal(resample(frames, [160], 16000), frames[:, 0])


def test_channels_are_averaged() -> None:
    np.testing.assert_allclose(
        mix_down(np.array([[1.0, 0.0], [0.5, -0.5], [0.25, 0.5]], np.float32)), [0.5, 0.0, 0.375]
    )


def test_a_resampler_starts_over_after_its_end() -> None:
    frames = noise(3000, 2)
    resampler = Resampler(48000, 16000)
    first = np.concatenate([resampler.feed(frames), resampler.finish()])
    second = np.concatenate([resampler.feed(frames), resampler.finish()])
    np.testing.assert_array_equal(first, second)


def test_its_delay_is_what_went_in_and_has_not_come_out() -> None:
    resampler = Resampler(48000, 16000)
    fed = out = 0
    for _ in range(20):
        out += len(resampler.feed(noise(480, 1)))
        fed += 480
    assert resampler.delay_s == pytest.approx(fed / 48000 - out / 16000)
    assert 0.01 < resampler.delay_s < 0.05
    assert Resampler(16000, 16000).delay_s == 0
