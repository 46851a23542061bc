"""Arrays that grow by rows."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

_Kind = TypeVar("_Kind", bound=np.generic)


def longer(array: npt.NDArray[_Kind]) -> npt.NDArray[_Kind]:
    """Return an array with room for as many rows again."""
    return np.concatenate([array, np.zeros_like(array)])
