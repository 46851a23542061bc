"""Warnings about a live source, and none that is false."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from streamer.engine.source_warnings import Backlog, SourceWarnings


def warned(*behind_s: float, live: bool = True) -> list[str]:
    """The warnings while recognition is so far behind, one moment after the other."""
    backlog = Backlog()
    source: Any = SimpleNamespace(name="mic", live=live, silent_device=False)
    warnings = SourceWarnings(source, backlog)
    said: list[str] = []
    for moment in behind_s:
        backlog.update(moment)
        said += [what for what, _ in warnings.due()]
    return said


@pytest.mark.parametrize("loading_s", [0.0, 1.0, 4.0, 20.0])
def test_what_waited_while_the_model_was_loaded_is_no_reason(loading_s: float) -> None:
    assert warned(loading_s, loading_s + 0.5, loading_s / 2, loading_s / 4, 0.1) == []


def test_who_caught_up_and_fell_back_is_told_once() -> None:
    assert warned(4.0, 2.0, 0.3, 2.0, 3.5, 4.0, 0.1, 5.0) == [
        "recognition is 4 s behind the microphone"
    ]


def test_who_never_catches_up_is_told_too() -> None:
    assert warned(2.0, 3.0, 4.0, 5.5) == ["recognition is 6 s behind the microphone"]


def test_a_recording_waits() -> None:
    assert warned(0.0, 9.0, live=False) == []


def test_the_latency_counts_once_the_backlog_is_worked_off() -> None:
    backlog = Backlog()
    counted = []
    for behind_s in (3.0, 2.0, 0.6, 0.4, 0.9):
        backlog.update(behind_s)
        counted.append(backlog.worked_off)
    assert counted == [False, False, False, True, True]
