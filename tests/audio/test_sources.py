"""Samples in memory, and the shared part of all sources."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.audio.samples import as_mono, first_bad_frame
from streamer.audio.sources.array import ArraySource
from streamer.audio.sources.source import FrameStream
from streamer.errors import AudioError, UsageError
from tests.support.audio.recordings import Heard, babble


def test_16_bit_integers_are_divided_by_32768_exactly() -> None:
    values = np.array([-32768, -1, 0, 1, 32767], np.int16)
    heard = Heard(ArraySource(values, 16000))
    np.testing.assert_array_equal(heard.samples, values / np.float32(32768))


@pytest.mark.parametrize("samples", [
    np.zeros((10, 0)), np.zeros((2, 2, 2)), np.zeros(10, np.int32), np.array(["a"]), np.zeros(()),
])  # fmt: skip
def test_other_arrays_are_refused(samples: np.ndarray) -> None:
    with pytest.raises(AudioError):
        ArraySource(samples, 16000)


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (bytes(32), "samples of type bytes are not an array - give a NumPy array; for bytes: "),
        ("talk.wav", "samples of type str are not an array - "),
        (None, "samples of type NoneType are not an array - "),
        (np.zeros((2, 2)), r"samples of shape \(2, 2\) are not mono - "),
    ],
)
def test_what_cannot_be_fed_is_refused_in_words(samples: object, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        as_mono(samples)


@settings(max_examples=25, deadline=None)
@given(block=st.integers(1, 700), rate=st.sampled_from([8000, 16000, 44100]))
def test_the_size_of_the_blocks_changes_no_sample(block: int, rate: int) -> None:
    frames = babble(0.1, rate, 2)
    cut = Heard(ArraySource(frames, rate, block_samples=block))
    np.testing.assert_array_equal(cut.samples, Heard(ArraySource(frames, rate)).samples)


def test_an_array_can_be_read_again_and_a_stopped_one_ends() -> None:
    source = ArraySource(babble(1.0)[:, 0], 16000, block_samples=1000)
    np.testing.assert_array_equal(Heard(source).samples, Heard(source).samples)
    source.open(16000)
    source.read()
    source.stop()
    assert source.read() is None
    assert source.seconds == 1.0


def test_a_fault_is_raised_after_the_last_samples_of_the_resampler() -> None:
    frames = babble(1.0, 48000)
    parts: list[object] = [frames[:20000], frames[20000:], AudioError("cut", "fix")]

    def read() -> np.ndarray:
        part = parts.pop(0)
        if isinstance(part, AudioError):
            raise part
        assert isinstance(part, np.ndarray)
        return part

    stream = FrameStream(read, "test", 48000, 16000)
    samples = []
    with pytest.raises(AudioError, match="cut"):
        while True:
            block = stream.read()
            assert block is not None
            samples.append(block)
    np.testing.assert_array_equal(
        np.concatenate(samples), Heard(ArraySource(frames, 48000)).samples
    )
    with pytest.raises(AudioError, match="cut"):
        stream.read()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e20, -1e20])
def test_the_first_bad_frame_is_found(bad: float) -> None:
    frames = babble(0.1, 16000, 2)
    assert first_bad_frame(frames) is None
    frames[700, 0] = frames[300, 1] = bad
    assert first_bad_frame(frames) == 300
    assert first_bad_frame(frames[:, 0]) == 700
    assert first_bad_frame(frames[:0]) is None
