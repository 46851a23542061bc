"""The denominator's language model in CTC-CRF: a dense trigram of phonemes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from streamer.arrays import FloatArray


def phoneme_trigram(sentences: Iterable[Sequence[int]], n_phonemes: int) -> FloatArray:
    """Estimate a trigram with Witten-Bell smoothing (Witten and Bell 1991, method C).

    The more different phonemes follow a context, the more weight the shorter context gets.

    Args:
        sentences: phonemes of each, 0 to n_phonemes - 1.
        n_phonemes: number of phonemes.

    Returns:
        Probabilities, float32 (n_phonemes + 1,) * 3: [second last, last, next]. ``n_phonemes`` is
        the start of the sentence in the context, its end as the next one.
    """
    edge = n_phonemes
    counts = np.zeros((edge + 1,) * 3)
    for sentence in sentences:
        padded = np.array([edge, edge, *sentence, edge])
        np.add.at(counts, (padded[:-2], padded[1:-1], padded[2:]), 1)
    return smoothed_trigram(counts)


def smoothed_trigram(counts: npt.NDArray[np.float64]) -> FloatArray:
    """Return the trigram of counts, float64 (n_phonemes + 1,) * 3; see `phoneme_trigram`."""
    result = np.full(len(counts), 1 / len(counts))
    for context in ((0, 1), (0,), ()):
        result = _interpolated(counts.sum(axis=context), result)
    return result.astype(np.float32)


def _interpolated(
    counts: npt.NDArray[np.float64], shorter: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return distributions over the last axis, interpolated with the shorter context's."""
    total = counts.sum(axis=-1, keepdims=True)
    kinds = np.maximum((counts > 0).sum(axis=-1, keepdims=True), 1)
    mixed: npt.NDArray[np.float64] = (counts + kinds * shorter) / (total + kinds)
    return mixed
