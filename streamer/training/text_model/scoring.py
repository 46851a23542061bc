"""How well marks and capitals are set: precision, recall and F1 of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streamer.arrays import Array
from streamer.text.tags import MARKS


@dataclass(frozen=True)
class Score:
    """How one mark was set.

    Attributes:
        right: set where it belongs.
        said: set.
        there: where it belongs.
    """

    right: int
    said: int
    there: int

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0 to 1."""
        return 2 * self.right / max(1, self.said + self.there)


@dataclass(frozen=True)
class Scores:
    """Scores by mark, in the order of `MARKS`."""

    marks: tuple[Score, ...]

    def summary(self) -> dict[str, float]:
        """Return F1 by mark."""
        return {MARKS[k]: round(score.f1, 3) for k, score in enumerate(self.marks) if k}


def counted(said: Array, there: Array) -> Scores:
    """Compare marks.

    Args:
        said: indices into `MARKS`, (n,).
        there: the right ones, (n,).
    """
    return Scores(
        tuple(
            Score(
                int(np.sum((said == k) & (there == k))),
                int(np.sum(said == k)),
                int(np.sum(there == k)),
            )
            for k in range(len(MARKS))
        )
    )
