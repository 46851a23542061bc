"""What an utterance inherits from those before it: nothing but what is meant to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import soundfile

from streamer.arrays import FloatArray
from streamer.endpointing.voice_activity import CHUNK_SAMPLES, VoiceActivity
from streamer.engine.model_loader import ModelChoice, load_model
from streamer.engine.recogniser import Recogniser
from streamer.events import Event, Final
from tests.support.paths import ROOT

RATE_HZ = 16000


class Script:
    """Voice activity that is known: 1 in some chunks of the stream, 0 in the others."""

    def __init__(self, voiced: Any) -> None:
        self._voiced = voiced
        self.reset()

    def probabilities(self, chunks: FloatArray) -> list[float]:
        first, self._chunk = self._chunk, self._chunk + len(chunks)
        return [float(value) for value in self._voiced[first : self._chunk]]

    def reset(self) -> None:
        self._chunk = 0


@pytest.fixture(scope="module")
def sample() -> FloatArray:
    """Four seconds of speech, whole chunks."""
    samples, _ = soundfile.read(ROOT / "assets" / "english" / "sample.flac", dtype="float32")
    return np.asarray(samples[: 4 * RATE_HZ // CHUNK_SAMPLES * CHUNK_SAMPLES])


def finals(recogniser: Recogniser, samples: FloatArray) -> list[Final]:
    events: list[Event] = []
    for start in range(0, len(samples), 4096):
        events += recogniser.feed(samples[start : start + 4096])
    events += recogniser.finish()
    return [event for event in events if isinstance(event, Final)]


@pytest.mark.parametrize("times", [1, 3])
def test_words_and_confidence_do_not_depend_on_what_was_heard_before(
    sample: FloatArray, times: int
) -> None:
    # With voice activity given, the same samples are the same utterance, to the bit, whatever the
    # search, the language models and their caches have seen before.
    pause = np.zeros(100 * CHUNK_SAMPLES, np.float32)
    before = np.tile(np.concatenate([sample[::-1], pause]), times)
    stages = load_model(ModelChoice()).stages

    def last(first: FloatArray) -> Final:
        samples = np.concatenate([first, sample, pause])
        voiced = np.abs(samples).reshape(-1, CHUNK_SAMPLES).max(axis=1) > 0
        recogniser = Recogniser(stages, None, VoiceActivity(Script(voiced)))
        return finals(recogniser, samples)[-1]

    heard, silent = last(before), last(np.zeros_like(before))
    assert heard.text
    assert (heard.text, heard.words, heard.alternatives) == (
        silent.text,
        silent.words,
        silent.alternatives,
    )
