"""Decoders of every kind, and the invariants of their hypotheses."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import numpy as np
import pytest

from streamer.arrays import FloatArray
from streamer.decoding import Decoder, DecodingSettings, Hypothesis, create_decoder, read_scorer
from streamer.decoding.lexicon.leaves import Leaves, write_leaves
from streamer.decoding.lexicon.letter_to_sound import PHONEMES, LetterToSound
from streamer.decoding.lexicon.lexicon import Lexicon, write_lexicon
from streamer.decoding.search.ds import find_ds_package
from tests.support.leaves import random_leaves
from tests.support.paths import TINY_SCORER
from tests.support.posteriors import (
    ENGLISH,
    chunks,
    letters_as_sounds,
    with_leaves,
    with_sounds,
)

SENTENCE = "the microphone heard what elizabeth said to her mother"

KINDS = [
    "greedy",
    "beam",
    "phonemes",
    "leaves",
    pytest.param(
        "ds",
        marks=pytest.mark.skipif(
            find_ds_package() is None,
            reason="neither ds_ctcdecoder nor coqui_stt_ctcdecoder is installed",
        ),
    ),
]


@functools.cache
def _lexicon() -> Path:
    """Write a lexicon of the tiny scorer's words with one phoneme per letter."""
    words = read_scorer(TINY_SCORER).words(ENGLISH)
    lexicon = Lexicon(
        {word: [letters_as_sounds(word)] for word in words},
        lambda: LetterToSound({letter: letters_as_sounds(letter) for letter in ENGLISH.labels[1:]}),
    )
    path = Path(tempfile.mkdtemp()) / "tiny.lexicon.gz"
    write_lexicon(lexicon, path)
    return path


@functools.cache
def _leaves() -> Leaves:
    return random_leaves(np.random.default_rng(0), len(PHONEMES), 20)


def n_columns(kind: str) -> int:
    """Return the number of probabilities per frame."""
    return 29 + {"phonemes": len(PHONEMES) + 1, "leaves": len(_leaves()) + 1}.get(kind, 0)


def columns(kind: str, rows: FloatArray) -> FloatArray:
    """Return the outputs of a network for a decoder of a kind.

    Args:
        kind: of the decoder.
        rows: outputs for letters, float32 (n, 29).
    """
    if kind == "phonemes":
        return with_sounds(rows)
    return with_leaves(with_sounds(rows), _leaves()) if kind == "leaves" else rows


@functools.cache
def made(kind: str) -> Decoder:
    """Return the decoder of a kind, shared by all tests so that `reset` is tested too."""
    beam = DecodingSettings(beam=40) if kind == "ds" else None
    if kind == "phonemes":
        return create_decoder(
            "beam", ENGLISH, TINY_SCORER, lexicon_path=_lexicon(), n_phonemes=len(PHONEMES) + 1
        )
    if kind == "leaves":
        path = Path(tempfile.mkdtemp()) / "leaves.txt"
        write_leaves(_leaves(), path)
        return create_decoder(
            "beam", ENGLISH, TINY_SCORER, lexicon_path=_lexicon(), n_phonemes=len(_leaves()) + 1,
            leaves_path=path,
        )  # fmt: skip
    return create_decoder(kind, ENGLISH, None if kind == "greedy" else TINY_SCORER, beam)


def hear(decoder: Decoder, rows: FloatArray, size: int = 16) -> tuple[list[Hypothesis], Hypothesis]:
    """Decode an utterance; return the hypotheses after each chunk and the final one."""
    decoder.reset()
    heard = []
    for kind in ("phonemes", "leaves"):
        if decoder is made(kind):
            rows = columns(kind, rows)
    for chunk in chunks(rows, size):
        decoder.feed(chunk)
        heard.append(decoder.hypothesis())
    return heard, decoder.finish()


def check_invariants(heard: list[Hypothesis], final: Hypothesis) -> None:
    """Check what must hold for every utterance."""
    stable = ""
    for hypothesis in [*heard, final]:
        assert hypothesis.text.startswith(hypothesis.stable)
        assert (
            hypothesis.stable.split() == hypothesis.text.split()[: len(hypothesis.stable.split())]
        )
        assert hypothesis.stable.startswith(stable), "a stable prefix was changed"
        stable = hypothesis.stable
        assert hypothesis.text == " ".join(word.word for word in hypothesis.words)
        assert hypothesis.text not in hypothesis.alternatives
        assert len(set(hypothesis.alternatives)) == len(hypothesis.alternatives)
        assert all(
            text.startswith(heard_stable(hypothesis, final)) for text in hypothesis.alternatives
        )
        end = 0
        for word in hypothesis.words:
            assert end <= word.start_frame < word.end_frame
            assert 0.0 <= word.confidence <= 1.0
            end = word.end_frame
    assert final.stable == final.text


def heard_stable(hypothesis: Hypothesis, final: Hypothesis) -> str:
    """Return what alternatives begin with; those of the final predate its last stable words."""
    return "" if hypothesis is final else hypothesis.stable


def random_rows(seed: int, sharpness: float, frames: int) -> FloatArray:
    """Return random probabilities, from spiky to flat, with stretches of silence."""
    random = np.random.default_rng(seed)
    rows = random.dirichlet(np.full(29, sharpness), frames)
    quiet = random.random(frames) < 0.5
    rows[quiet] = 0.1 * rows[quiet]
    rows[quiet, 28] += 0.9
    return np.ascontiguousarray(rows, np.float32)
