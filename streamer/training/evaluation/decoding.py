"""Decoding of stored posteriors: the network runs once, the decoder as often as needed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable

import numpy as np
import soundfile

from streamer.arrays import FloatArray
from streamer.bundle import Bundle
from streamer.decoding import Decoder, DecodingSettings, create_decoder, read_alphabet
from streamer.features import Framer
from streamer.models.backends import load_acoustic_model
from streamer.training.data.manifests import Clip
from streamer.training.evaluation.error_rates import edit_distance

#: Changes the samples of a clip, float32 (n,).
Change = Callable[[FloatArray, np.random.Generator], FloatArray]


@dataclass(frozen=True)
class Utterance:
    """Posteriors of a clip, one float32 (n, n_labels) per window, and its transcript."""

    windows: tuple[FloatArray, ...]
    transcript: str


@dataclass(frozen=True)
class Outcome:
    """Errors and time of decoding.

    Attributes:
        errors: substituted, deleted and inserted words.
        words: words of the transcripts.
        seconds: time of the decoder alone.
        windows: number of windows.
    """

    errors: int
    words: int
    seconds: float
    windows: int

    @property
    def rate(self) -> float:
        """Word error rate."""
        return self.errors / max(self.words, 1)


def posteriors(
    bundle: Bundle,
    clips: Sequence[Clip],
    backend: str = "auto",
    change: Change | None = None,
    seed: int = 0,
) -> list[Utterance]:
    """Run the acoustic model over clips, in windows with carried state.

    Args:
        bundle: with the model.
        clips: what it hears.
        backend: what runs it.
        change: changes the samples of each clip, float32 (n,), beforehand.
        seed: of the change, with the clip's number: two calls with the same hear the same.

    Raises:
        ValueError: a clip has another sample rate or several channels.
    """
    model = load_acoustic_model(bundle, backend)
    framer = Framer(bundle.front_end(), model.n_steps, model.n_context)
    utterances = []
    for number, clip in enumerate(clips):
        samples, rate = soundfile.read(clip.path, dtype="float32")
        if rate != framer.front_end.sample_rate_hz or samples.ndim != 1:
            raise ValueError(f"{clip.path}: not mono at {framer.front_end.sample_rate_hz} Hz")
        if change is not None:
            samples = change(samples, np.random.default_rng([seed, number]))
        framer.reset()
        state = model.initial_state()
        windows = []
        for window in [*framer.feed(samples), *framer.finish()]:
            probabilities, state = model.infer(window.features, window.n, state)
            windows.append(np.array(probabilities))
        utterances.append(Utterance(tuple(windows), clip.transcript))
    return utterances


def bundle_decoder(bundle: Bundle, settings: DecodingSettings) -> Decoder:
    """Return a decoder with the bundle's language models."""
    return create_decoder(
        "beam", read_alphabet(bundle.alphabet_path), bundle.scorer_path, settings,
        lexicon_path=bundle.lexicon_path, n_phonemes=bundle.n_phonemes,
        recurrent_path=bundle.recurrent_path, leaves_path=bundle.leaves_path,
    )  # fmt: skip


def decode(bundle: Bundle, utterances: Sequence[Utterance], settings: DecodingSettings) -> Outcome:
    """Decode utterances with the bundle's language models and count the errors."""
    return decode_with(bundle_decoder(bundle, settings), utterances)


def decode_with(decoder: Decoder, utterances: Sequence[Utterance]) -> Outcome:
    """Decode utterances with a decoder and count the errors."""
    errors = words = windows = 0
    seconds = 0.0
    for utterance in utterances:
        started = time.perf_counter()
        for window in utterance.windows:
            decoder.feed(window)
        text = decoder.finish().text
        seconds += time.perf_counter() - started
        decoder.reset()
        reference = utterance.transcript.split()
        errors += edit_distance(reference, text.split())
        words += len(reference)
        windows += len(utterance.windows)
    return Outcome(errors, words, seconds, windows)
