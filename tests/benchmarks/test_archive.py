"""The simulation of archives: plain cases that can be reckoned by hand."""

from __future__ import annotations

import pytest

from benchmarks.archive import Costs, simulate

HOUR = 3600.0
FREE = Costs(load=0.0, a_second=0.1, a_second_cut=0.0, a_piece=0.0)


def test_workers_share_the_work() -> None:
    assert simulate(FREE, 8, HOUR, 600.0, 1) == pytest.approx(8 * 360)
    assert simulate(FREE, 8, HOUR, 600.0, 4) == pytest.approx(8 * 360 / 4)


def test_no_more_workers_help_than_there_are_pieces() -> None:
    assert simulate(FREE, 1, HOUR, 1800.0, 100) == pytest.approx(180)


def test_a_slow_driver_or_cutter_is_the_limit() -> None:
    driver = Costs(load=0.0, a_second=0.1, a_second_cut=0.0, a_piece=50.0)
    assert simulate(driver, 1, HOUR, 600.0, 100) == pytest.approx(6 * 50 + 60)
    cutter = Costs(load=0.0, a_second=0.1, a_second_cut=1.0, a_piece=0.0)
    assert simulate(cutter, 1, HOUR, 600.0, 8) == pytest.approx(3600 + 60)
