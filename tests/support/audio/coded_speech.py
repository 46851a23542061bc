"""Speech that a trivial network understands: each letter has its own loudness.

With it, everything between samples and events can be tested to the sample without
a trained model: the words and their times are known.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from streamer.acoustic.contract import State, zero_state
from streamer.arrays import FloatArray
from streamer.decoding import create_decoder
from streamer.decoding.alphabet import Alphabet
from streamer.endpointing.voice_activity import VoiceActivity
from streamer.engine.recogniser import Recogniser
from streamer.engine.settings import RecogniserSettings
from streamer.engine.utterance import Stages

RATE_HZ = 16000
STEP = 320
LABELS = " abcdefghijklmnopqrstuvwxyz'"
BLANK = len(LABELS)

#: Loudness of the first letter, and the step from one letter to the next.
LEVEL_STEP = 0.03
#: Loudness between letters: a voice, but no letter.
HUM = 0.01
#: A letter and the hum after it take two frames each, so that each fills at least
#: one frame, wherever frames start.
LETTER_SAMPLES = 4 * STEP


def speech(text: str) -> FloatArray:
    """Return a text as speech without pauses, 80 ms per letter."""
    parts: list[FloatArray] = []
    for letter in text:
        parts.append(np.full(2 * STEP, LEVEL_STEP * (LABELS.index(letter) + 1), np.float32))
        parts.append(np.full(2 * STEP, HUM, np.float32))
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def silence(seconds: float) -> FloatArray:
    return np.zeros(round(seconds * RATE_HZ), np.float32)


class LoudnessFrontEnd:
    """A front end with one coefficient: the loudness of most of a frame."""

    sample_rate_hz = RATE_HZ
    window_samples = STEP
    step_samples = STEP
    history_samples = 0
    n_coefficients = 1
    normalisation = None

    def coefficients(self, samples: FloatArray, history: FloatArray) -> FloatArray:
        windows = np.lib.stride_tricks.sliding_window_view(np.abs(samples), self.window_samples)
        sizes = np.sort(windows[:: self.step_samples], axis=1)
        return sizes[:, self.window_samples // 2 :][:, :1].astype(np.float32)

    def describe(self) -> dict[str, Any]:
        return {"kind": "loudness"}


class LoudnessModel:
    """A network that maps loudness to letters and counts its calls."""

    n_steps = 16
    n_context = 9
    n_input = 1
    n_hidden = 1
    n_labels = BLANK + 1
    backend = "numpy"
    compute_unit = "CPU"
    flexible_steps = False

    def __init__(self) -> None:
        self.calls = 0

    def initial_state(self) -> State:
        return zero_state(self.n_hidden)

    def infer(self, window: FloatArray, n: int, state: State) -> tuple[FloatArray, State]:
        self.calls += 1
        levels = np.round(window[0, :n, self.n_context, 0] / LEVEL_STEP).astype(int) - 1
        probabilities = np.full((n, self.n_labels), 1e-4, np.float32)
        probabilities[np.arange(n), np.where(levels < 0, BLANK, np.minimum(levels, BLANK))] = 0.99
        return probabilities, state


class LoudnessDetector:
    """A detector for which everything but silence is a voice."""

    def probabilities(self, chunks: FloatArray) -> list[float]:
        return np.where(np.abs(chunks).max(axis=1) > HUM / 2, 0.99, 0.01).tolist()

    def reset(self) -> None:
        pass


def make_stages() -> Stages:
    decoder = create_decoder("greedy", Alphabet(tuple(LABELS)))
    return Stages(LoudnessFrontEnd(), LoudnessModel(), decoder)


def make_recogniser(settings: RecogniserSettings | None = None) -> Recogniser:
    return Recogniser(make_stages(), settings, VoiceActivity(LoudnessDetector()))
