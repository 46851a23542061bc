"""Palettes for weights: a few values that replace all values of a matrix.

coremltools clusters small matrices with scikit-learn and large ones with a slow
exact method. Lloyd's algorithm in one dimension needs neither: with sorted
values each cluster is an interval.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

#: Upper bound of iterations; matrices of weights converge much sooner.
_MAX_ITERATIONS = 300


def cluster(
    bits: int, weights: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.uint8]]:
    """Choose 2**bits values for a matrix with a small mean square error.

    Args:
        bits: 1 to 8.
        weights: any shape, any float type; rounded to float16, the type that is stored.

    Returns:
        The values, float16 (2**bits,) in ascending order, and the index of each weight's
        value, uint8 (weights.size,).
    """
    codes = np.ascontiguousarray(weights, np.float16).view(np.uint16).ravel()
    # float16 has 65,536 values to sort, whatever the size of the matrix.
    histogram = np.bincount(codes, minlength=1 << 16)
    present = np.flatnonzero(histogram).astype(np.uint16)
    present = present[np.argsort(present.view(np.float16), kind="stable")]
    values = present.view(np.float16).astype(np.float64)
    counts = histogram[present]
    n = 1 << bits
    cumulative_count = np.concatenate([[0], np.cumsum(counts)])
    cumulative_sum = np.concatenate([[0.0], np.cumsum(values * counts)])
    # The mean of even spacing and quantiles: the tails of the distribution matter, too.
    even = np.linspace(values[0], values[-1], n)
    ranks = (np.arange(n) + 0.5) / n * codes.size
    quantiles = values[np.searchsorted(cumulative_count[1:], ranks, side="right")]
    centres = np.sort((even + quantiles) / 2)
    for _ in range(_MAX_ITERATIONS):
        edges = np.searchsorted(values, (centres[1:] + centres[:-1]) / 2)
        edges = np.concatenate([[0], edges, [len(values)]])
        count = np.diff(cumulative_count[edges])
        total = np.diff(cumulative_sum[edges])
        # An empty cluster keeps its centre; it may get values in the next iteration.
        moved = np.where(count > 0, total / np.maximum(count, 1), centres)
        if np.array_equal(moved, centres):
            break
        centres = np.sort(moved)
    # The stored values are float16: assign each weight to the nearest of them.
    table = centres.astype(np.float16)
    centres = table.astype(np.float64)
    nearest = np.zeros(1 << 16, np.uint8)
    nearest[present] = np.searchsorted((centres[1:] + centres[:-1]) / 2, values)
    return table, nearest[codes]
