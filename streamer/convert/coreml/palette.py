"""Palettes for weights: few values that stand for all of a matrix.

coremltools clusters small matrices with scikit-learn and large ones with an
exact method that takes its time. Lloyd's iteration in one dimension needs
neither: sorted values make each cluster an interval.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

#: Far more rounds than a matrix of weights takes to settle.
_MAX_ROUNDS = 300


def cluster(
    bits: int, weights: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.uint8]]:
    """Choose 2**bits values for a matrix so that the mean square error is small.

    Args:
        bits: 1 to 8.
        weights: any shape, any float type. Rounded to float16, which they are
            stored in afterwards.

    Returns:
        The values, float16 (2**bits,) in rising order, and for each weight the index
        of its value, uint8 (weights.size,).
    """
    codes = np.ascontiguousarray(weights, np.float16).view(np.uint16).ravel()
    # Whatever the size of the matrix, float16 has 65,536 values to sort.
    histogram = np.bincount(codes, minlength=1 << 16)
    present = np.flatnonzero(histogram).astype(np.uint16)
    present = present[np.argsort(present.view(np.float16), kind="stable")]
    values = present.view(np.float16).astype(np.float64)
    counts = histogram[present]
    n = 1 << bits
    cumulative_count = np.concatenate([[0], np.cumsum(counts)])
    cumulative_sum = np.concatenate([[0.0], np.cumsum(values * counts)])
    # Half evenly spaced, half by frequency: the tails of the distribution matter too.
    even = np.linspace(values[0], values[-1], n)
    ranks = (np.arange(n) + 0.5) / n * codes.size
    quantiles = values[np.searchsorted(cumulative_count[1:], ranks, side="right")]
    centres = np.sort((even + quantiles) / 2)
    for _ in range(_MAX_ROUNDS):
        edges = np.searchsorted(values, (centres[1:] + centres[:-1]) / 2)
        edges = np.concatenate([[0], edges, [len(values)]])
        count = np.diff(cumulative_count[edges])
        total = np.diff(cumulative_sum[edges])
        # An empty cluster keeps its place; it may catch something in the next round.
        moved = np.where(count > 0, total / np.maximum(count, 1), centres)
        if np.array_equal(moved, centres):
            break
        centres = np.sort(moved)
    # What is stored is float16: give each weight the nearest value that is really there.
    table = centres.astype(np.float16)
    centres = table.astype(np.float64)
    nearest = np.zeros(1 << 16, np.uint8)
    nearest[present] = np.searchsorted((centres[1:] + centres[:-1]) / 2, values)
    return table, nearest[codes]
