"""A speaker's recordings as what the adaptation learns from: coefficients and labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from streamer.acoustic.weights import Weights
from streamer.bundle import Bundle
from streamer.decoding.lexicon.leaves import read_leaves
from streamer.decoding.lexicon.lexicon import read_lexicon
from streamer.errors import StreamerError
from streamer.training.adaptation.adapted_network import AdaptedNetwork
from streamer.training.data.batches import LETTERS, frames_needed
from streamer.training.data.cache import clip_features, read_audio
from streamer.training.data.manifests import Clip
from streamer.training.language.pronunciation_selection import most_likely_pronunciations

#: Guessed pronunciations of a word that the lexicon does not have.
_GUESSES = 4


@dataclass(frozen=True)
class SpokenSentence:
    """A recording of the speaker.

    Attributes:
        vectors: coefficients, float32 (n, n_input).
        transcript: what was said.
        letters: its labels.
        phonemes: its phonemes as the network hears them; () if the network has none.
    """

    vectors: Tensor
    transcript: str
    letters: tuple[int, ...]
    phonemes: tuple[int, ...]


def read_sentences(bundle: Bundle, weights: Weights, clips: Sequence[Clip]) -> list[SpokenSentence]:
    """Read recordings; those too short for their transcripts are left out.

    Raises:
        StreamerError: the model is not an English one, or a recording cannot be read.
    """
    if weights.groups[0] != len(LETTERS) + 1:
        raise StreamerError(
            f"model {bundle.name} has other letters than English ones", "adapt an English model"
        )
    front_end = dict(bundle.front_end_description)
    rate_hz = int(front_end["sample_rate_hz"])
    number = {letter: i for i, letter in enumerate(LETTERS)}
    sentences = []
    for clip in clips:
        vectors = torch.from_numpy(clip_features(read_audio(clip.path, rate_hz), front_end))
        letters = tuple(number[letter] for letter in clip.transcript)
        if frames_needed(letters) <= len(vectors):
            sentences.append(SpokenSentence(vectors, clip.transcript, letters, ()))
    if bundle.lexicon_path is None or not bundle.n_phonemes:
        return sentences
    return _with_phonemes(bundle, weights, sentences)


def _with_phonemes(
    bundle: Bundle, weights: Weights, sentences: list[SpokenSentence]
) -> list[SpokenSentence]:
    assert bundle.lexicon_path is not None
    lexicon = read_lexicon(bundle.lexicon_path)
    leaves = None if bundle.leaves_path is None else read_leaves(bundle.leaves_path)
    network = AdaptedNetwork(weights, np.ones(weights.n_input, np.float32))
    result: list[SpokenSentence] = []
    for sentence in sentences:
        variants = [
            lexicon.pronunciations(word) or lexicon.guesses(word, _GUESSES)
            for word in sentence.transcript.split()
        ]
        phonemes: tuple[int, ...] = ()
        if all(variants):
            with torch.no_grad():
                _, logits = network([sentence.vectors])
            phonemes = most_likely_pronunciations(logits, variants, False, leaves)
        if frames_needed(phonemes) > len(sentence.vectors):
            phonemes = ()
        result.append(
            SpokenSentence(sentence.vectors, sentence.transcript, sentence.letters, phonemes)
        )
    return result
