"""Percentiles without NumPy."""

from __future__ import annotations

from collections.abc import Iterable


def percentile(values: Iterable[float], percent: float) -> float | None:
    """Return a percentile by nearest rank; None without values.

    Args:
        values: in any order.
        percent: 0 to 100.
    """
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)]
