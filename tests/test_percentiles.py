"""Percentiles by nearest rank."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamer.percentiles import RecentValues, percentile

VALUES = st.lists(st.floats(0, 1000) | st.sampled_from([1.0, 2.0]), max_size=60)


def test_without_values_there_is_no_percentile() -> None:
    assert percentile([], 50) is None
    assert RecentValues(3).percentile(50) is None


@given(VALUES, st.integers(1, 20), st.floats(0, 100))
def test_recent_values_have_the_percentiles_of_the_newest(
    values: list[float], capacity: int, percent: float
) -> None:
    recent = RecentValues(capacity)
    for count, value in enumerate(values, 1):
        recent.append(value)
        newest = values[max(0, count - capacity) : count]
        assert recent.percentile(percent) == percentile(newest, percent)


def test_cleared_values_do_not_count() -> None:
    recent = RecentValues(3)
    for value in (5.0, 6.0, 7.0, 8.0):
        recent.append(value)
    recent.clear()
    recent.append(1.0)
    assert recent.percentile(95) == 1.0


def test_of_more_values_than_there_is_room_for_the_oldest_go() -> None:
    recent = RecentValues(2)
    for value in (9.0, 1.0, 5.0):
        recent.append(value)
    assert (recent.percentile(0), recent.percentile(100)) == (1.0, 5.0)
