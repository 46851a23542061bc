"""Pushed samples become those of a recording, however they are cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.audio.pcm import PcmFormat
from streamer.audio.sources.recording import RecordingSource
from streamer.errors import AudioError
from streamer.server.workers.pcm_input import PcmInput, check_format


def recorded(samples: np.ndarray, rate_hz: int, path: Path) -> np.ndarray:
    soundfile.write(path, samples, rate_hz)
    source = RecordingSource(path)
    source.open(16000)
    blocks = []
    while (block := source.read()) is not None:
        blocks.append(block)
    source.close()
    return np.concatenate(blocks)


@pytest.mark.parametrize(("rate_hz", "channels"), [(16000, 1), (8000, 1), (24000, 1), (48000, 2)])
def test_the_samples_are_those_of_the_same_recording(
    rate_hz: int, channels: int, tmp_path: Path
) -> None:
    random = np.random.default_rng(rate_hz)
    samples = random.integers(-9000, 9000, (2 * rate_hz + 7, channels), dtype=np.int16)
    expected = recorded(samples, rate_hz, tmp_path / "a.wav")

    @settings(max_examples=20, deadline=None)
    @given(st.lists(st.integers(1, 9999), min_size=1, max_size=9))
    def cut_anywhere(sizes: list[int]) -> None:
        data = samples.tobytes()
        pcm, parts, start, turn = PcmInput(PcmFormat("s16", rate_hz, channels)), [], 0, 0
        while start < len(data):
            size = sizes[turn % len(sizes)] + 2000
            parts.append(pcm.feed(data[start : start + size]))
            start, turn = start + size, turn + 1
        assert np.array_equal(np.concatenate([*parts, pcm.finish()]), expected)

    cut_anywhere()


def test_bytes_of_an_incomplete_frame_are_dropped_at_the_end() -> None:
    pcm = PcmInput(PcmFormat("s16", 16000, 1))
    assert len(pcm.feed(b"\1\0\1")) == 1
    assert not len(pcm.finish())


def test_samples_that_are_not_audio_are_refused() -> None:
    data = np.array([0.0, np.nan], np.float32).tobytes()
    with pytest.raises(AudioError, match="not valid audio"):
        PcmInput(PcmFormat("f32", 16000, 1)).feed(data)


@pytest.mark.parametrize(
    ("encoding", "rate_hz", "channels"),
    [("mp3", 16000, 1), ("s16", 0, 1), ("s16", 10**9, 1), ("s16", 16000, 0), ("s16", 16000, 99)],
)
def test_a_format_that_nobody_needs_is_refused(encoding: str, rate_hz: int, channels: int) -> None:
    with pytest.raises(AudioError):
        check_format(encoding, rate_hz, channels)
