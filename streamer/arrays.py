"""Array types, and a helper for arrays that grow."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

#: An array of any kind.
Array = npt.NDArray[Any]
#: Samples, coefficients, probabilities, weights.
FloatArray = npt.NDArray[np.float32]
#: Indices and counts.
IntArray = npt.NDArray[np.int64]

_Kind = TypeVar("_Kind", bound=np.generic)


def doubled(array: npt.NDArray[_Kind]) -> npt.NDArray[_Kind]:
    """Return a copy with twice as many rows, the new ones zero."""
    return np.concatenate([array, np.zeros_like(array)])
