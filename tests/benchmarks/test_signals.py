"""Signals at random moments, and the moments at which something was left behind once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

if not sys.platform.startswith("linux"):
    pytest.skip("needs /proc", allow_module_level=True)
pytest.importorskip("pyte", reason="needs pyte")

from benchmarks import signals
from benchmarks.signals import Pace, Run, perform


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signals")
    signals.prepare(folder)
    return folder


@pytest.mark.slow
def test_no_signal_at_any_moment_leaves_anything_behind(tmp_path: Path) -> None:
    outcomes = signals.disturb(24, seed=15, jobs=2, folder=tmp_path)
    assert sum(bool(outcome.where) for outcome in outcomes) >= 24
    assert [outcome for outcome in outcomes if outcome.broken] == []


@pytest.mark.parametrize(
    ("start", "sent"),
    [
        ("recording", "QUIT"),
        ("recording", "TSTP"),
        ("replay", "KILL"),
        ("replay", "TERM"),
        ("replay", "TSTP"),
        ("live view", "QUIT"),
        ("live view", "terminal"),
        ("pipe", "reader"),
    ],
)
def test_a_signal_while_something_is_shown_leaves_the_terminal_as_it_was(
    start: str, sent: str, folder: Path
) -> None:
    outcome = perform(Run(0, start, sent, False, "speech", 0.5, 0.0), folder, Pace(0.0, 0.0))
    assert outcome.where in ("speech", "")
    assert outcome.broken == (), outcome


def test_what_is_broken_is_noticed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "_documented", lambda *_: {77})
    outcome = perform(Run(0, "models", "TERM", False, "start", 0.5, 0.0), folder, Pace(0.1, 0.1))
    assert outcome.broken == ("exit code -15",)
