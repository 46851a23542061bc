"""How likely phonemes follow each other: a dense trigram, for training against other sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from streamer.arrays import FloatArray


def trigram(sentences: Iterable[Sequence[int]], n_phonemes: int) -> FloatArray:
    """Return the probabilities of each phoneme after any two, smoothed by Witten and Bell's way.

    A pair that was followed by many different phonemes leaves more to the pair's last
    phoneme alone, that in turn to no context at all (Witten and Bell 1991, method C).

    Args:
        sentences: phonemes 0 .. n_phonemes - 1 of each.
        n_phonemes: how many phonemes there are.

    Returns:
        float32 (n_phonemes + 1,) * 3: [before last, last, next]. As one of the first two
        ``n_phonemes`` stands for the time before the sentence, as the third for its end.
    """
    edge = n_phonemes
    counts = np.zeros((edge + 1,) * 3)
    for sentence in sentences:
        padded = np.array([edge, edge, *sentence, edge])
        np.add.at(counts, (padded[:-2], padded[1:-1], padded[2:]), 1)
    result = np.full(edge + 1, 1 / (edge + 1))
    for context in ((0, 1), (0,), ()):
        result = _interpolated(counts.sum(axis=context), result)
    return result.astype(np.float32)


def _interpolated(
    counts: npt.NDArray[np.float64], shorter: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the distributions over the last axis, those with less context mixed in."""
    total = counts.sum(axis=-1, keepdims=True)
    kinds = np.maximum((counts > 0).sum(axis=-1, keepdims=True), 1)
    mixed: npt.NDArray[np.float64] = (counts + kinds * shorter) / (total + kinds)
    return mixed
