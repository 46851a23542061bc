"""Recordings for several tests."""

from __future__ import annotations

import numpy as np
import pytest

from streamer.arrays import FloatArray
from streamer.audio.formats.reader import FrameReader
from streamer.audio.sources.recording import RecordingSource
from streamer.audio.sources.source import Source
from streamer.errors import AudioError


def babble(seconds: float = 1.0, rate_hz: int = 16000, channels: int = 1) -> FloatArray:
    """Return tones that come and go like speech: float32 (n, channels), 16-bit values."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    rng = np.random.default_rng(1)
    sound = np.zeros((len(t), channels))
    for channel in range(channels):
        for _ in range(6):
            pitch, beat, phase = rng.uniform(100, 3000), rng.uniform(0.5, 4), rng.uniform(0, 6)
            envelope = np.sin(2 * np.pi * beat * t + phase)
            sound[:, channel] += np.sin(2 * np.pi * pitch * t) * envelope
    return (np.round(sound / 8 * 32767) / 32768).astype(np.float32)


class Heard:
    """Everything that a source returned, from `open` to its end.

    Attributes:
        samples: all samples.
        error: the error at the end, None if there was none.
        blocks: number of blocks.
    """

    def __init__(self, source: Source, rate_hz: int = 16000) -> None:
        blocks: list[FloatArray] = []
        self.error: AudioError | None = None
        source.open(rate_hz)
        try:
            while True:
                block = source.read()
                if block is None:
                    break
                assert block.dtype == np.float32 and block.ndim == 1 and len(block) > 0
                blocks.append(block)
            assert source.read() is None
        except AudioError as error:
            self.error = error
        source.close()
        source.close()
        self.blocks = len(blocks)
        self.samples = np.concatenate([*blocks, np.zeros(0, np.float32)])


def count_openings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets the name of each sound file that is opened from now on."""
    opened: list[str] = []
    open_reader = RecordingSource._open_reader

    def counted(source: RecordingSource) -> FrameReader:
        opened.append(source.name)
        return open_reader(source)

    monkeypatch.setattr(RecordingSource, "_open_reader", counted)
    return opened
