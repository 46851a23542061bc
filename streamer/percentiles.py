"""Percentiles without NumPy."""

from __future__ import annotations

import bisect
from collections import deque
from collections.abc import Iterable


def percentile(values: Iterable[float], percent: float) -> float | None:
    """Return a percentile by nearest rank; None without values.

    Args:
        values: in any order.
        percent: 0 to 100.
    """
    return _of_sorted(sorted(values), percent)


class RecentValues:
    """Percentiles of the newest values, kept sorted: asking does not sort them again.

    Args:
        capacity: number of values kept.
    """

    def __init__(self, capacity: int) -> None:
        self._newest: deque[float] = deque(maxlen=capacity)
        self._ordered: list[float] = []

    def append(self, value: float) -> None:
        """Add a value; the oldest one goes when there is no more room."""
        if len(self._newest) == self._newest.maxlen:
            del self._ordered[bisect.bisect_left(self._ordered, self._newest[0])]
        self._newest.append(value)
        bisect.insort(self._ordered, value)

    def clear(self) -> None:
        """Remove all values."""
        self._newest.clear()
        self._ordered.clear()

    def percentile(self, percent: float) -> float | None:
        """Return a percentile, 0 to 100, by nearest rank; None without values."""
        return _of_sorted(self._ordered, percent)


def _of_sorted(ordered: list[float], percent: float) -> float | None:
    if not ordered:
        return None
    return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)]
