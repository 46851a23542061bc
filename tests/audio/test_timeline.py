"""Stops and lost sound, by a clock that jumps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.audio.sources.timeline import BREAK_SECONDS, SETTLE_SECONDS, Timeline
from streamer.audio.sources.watch import STOP_SECONDS, Watch

BLOCK_S = 0.02
#: Callbacks of this device are late by up to this much.
JITTER_S = 0.01


@dataclass
class Machine:
    """A device, a sound system that keeps some sound, and a program that is stopped at times."""

    late_s: list[float]
    now_s: float = 1000.0
    cpu_s: float = 5.0
    blocks: int = 0
    timeline: Timeline = field(default_factory=Timeline)
    heard: list[tuple[float, float]] = field(default_factory=list)  # (gap, late) of each break

    def __post_init__(self) -> None:
        self.watch = Watch(lambda: self.now_s, lambda: self.cpu_s)

    def run(self, seconds: float) -> None:
        """Record for a while, a block at a time."""
        for _ in range(round(seconds / BLOCK_S)):
            self.now_s += BLOCK_S
            self.cpu_s += 0.1 * BLOCK_S
            self.deliver(self.late_s[self.blocks % len(self.late_s)])
            self.tick()

    def deliver(self, late_s: float = 0.0) -> None:
        self.blocks += 1
        self.timeline.arrive(self.now_s + late_s, BLOCK_S)

    def tick(self) -> None:
        stop = self.watch.tick()
        if stop is not None:
            self.timeline.stopped(stop)
        if self.timeline.settled(self.now_s):
            missing = self.timeline.settle()
            self.heard.append((missing.gap_s, missing.late_s))

    def stop(self, seconds: float, kept_s: float, watch_first: bool, busy: bool = False) -> None:
        """Stop the program; the sound system keeps some of the sound, in whole blocks."""
        self.now_s += seconds
        self.cpu_s += seconds if busy else 0.0
        if watch_first:
            self.tick()
        kept_s = min(kept_s, seconds)
        while kept_s >= BLOCK_S:  # a burst, while the device goes on
            self.now_s += 0.0005
            kept_s += 0.0005 - BLOCK_S
            self.deliver()
        self.tick()


jitters = st.lists(st.floats(0, JITTER_S), min_size=1, max_size=40)


@settings(max_examples=150, deadline=None)
@given(
    stop_s=st.floats(1.0, 4000.0),
    kept_share=st.floats(0, 1),
    late=jitters,
    watch_first=st.booleans(),
    before_s=st.floats(0.5, 8.0),
)
def test_a_stop_is_one_gap_of_its_length_whatever_the_sound_system_kept(
    stop_s: float, kept_share: float, late: list[float], watch_first: bool, before_s: float
) -> None:
    machine = Machine(late)
    machine.run(before_s)
    kept_s = min(kept_share * stop_s, 60.0)
    machine.stop(stop_s, kept_s, watch_first)
    machine.run(SETTLE_SECONDS + 1.0)
    ((gap_s, late_s),) = machine.heard
    assert gap_s == pytest.approx(stop_s, abs=0.06)
    # What was kept is dropped: the program did not listen.
    assert late_s == pytest.approx(min(kept_s, stop_s), abs=0.06)
    assert 0 <= late_s <= gap_s


@settings(max_examples=50, deadline=None)
@given(busy_s=st.floats(BREAK_SECONDS, 3.0), late=jitters, watch_first=st.booleans())
def test_a_program_that_was_busy_loses_nothing_that_the_sound_system_kept(
    busy_s: float, late: list[float], watch_first: bool
) -> None:
    machine = Machine(late)
    machine.run(2.0)
    busy_s = round(busy_s / BLOCK_S) * BLOCK_S
    machine.stop(busy_s, busy_s, watch_first, busy=True)
    machine.run(SETTLE_SECONDS + 1.0)
    assert set(machine.heard) <= {(0.0, 0.0)}


@settings(max_examples=50, deadline=None)
@given(lost=st.lists(st.floats(1.0, 30.0), min_size=1, max_size=5), late=jitters)
def test_gaps_of_many_breaks_do_not_add_up_to_a_drift(lost: list[float], late: list[float]) -> None:
    machine = Machine(late)
    for seconds in lost:
        machine.run(2.0)
        machine.stop(seconds, 0.0, True)
    machine.run(2.0)
    assert len(machine.heard) == len(lost)
    assert sum(gap for gap, _ in machine.heard) == pytest.approx(sum(lost), abs=0.08)


@settings(max_examples=50, deadline=None)
@given(away_s=st.floats(0.1, 5000.0), heard_before=st.booleans(), late=jitters)
def test_a_device_that_comes_back_leaves_a_gap_as_long_as_it_was_away(
    away_s: float, heard_before: bool, late: list[float]
) -> None:
    machine = Machine(late)
    if heard_before:
        machine.run(2.0)
    machine.timeline.break_off(machine.now_s)
    machine.now_s += away_s
    machine.watch.restart()
    machine.run(1.0)
    ((gap_s, late_s),) = machine.heard
    assert gap_s == pytest.approx(away_s, abs=0.05)
    assert late_s == 0


def test_a_stop_is_no_time_in_which_a_device_was_silent() -> None:
    now: list[Any] = [0.0]
    watch = Watch(lambda: now[0], lambda: 0.0)
    for seconds in (0.1, 0.1, 600.0, 0.1):
        now[0] += seconds
        stop = watch.tick()
        assert (stop is not None) == (seconds >= STOP_SECONDS)
    assert watch.ran_s == pytest.approx(0.5)
