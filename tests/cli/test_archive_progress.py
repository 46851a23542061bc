"""What is said about an archive while it is transcribed, and in the end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from streamer.archive.run import Report
from streamer.archive.work import Problem
from streamer.cli.support import archive as archive_module
from streamer.cli.support.archive import _find, _length, _Progress
from streamer.errors import UsageError


def report(**values: Any) -> Report:
    recording: Any = SimpleNamespace()
    return Report(**{"recording": recording, "seconds": 60.0, "finished": True, **values})


def todo(jobs: int, done_before: int = 0) -> Any:
    return SimpleNamespace(jobs=[None] * jobs, done_before=done_before)


def test_the_summary_counts_what_was_done_failed_and_is_left() -> None:
    progress = _Progress(5, failures=1)
    progress.add(report(seconds=3600.0))
    progress.add(report(seconds=0.0, finished=False))
    assert progress.summary(todo(5), 120.0) == (
        "1 recording, 1.0 h in 2.0 min (0.50 hours a minute); 1 failed;"
        " 3 left: run the command again"
    )
    assert "7 done before" in progress.summary(todo(5, 7), 120.0)


def test_nothing_left_is_not_mentioned() -> None:
    progress = _Progress(2, 0)
    for _ in range(2):
        progress.add(report())
    assert progress.summary(todo(2), 0.0) == "2 recordings, 2.0 min in 0 s (0.00 hours a minute)"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.0, "59 s"), (90.0, "1.5 min"), (5400.0, "1.5 h")]
)
def test_a_length_has_the_unit_that_suits_it(seconds: float, text: str) -> None:
    assert _length(seconds) == text


def test_problems_and_remarks_are_said_as_they_come(capsys: pytest.CaptureFixture[str]) -> None:
    progress = _Progress(3, 0)
    progress.add(report(remark="a.wav is truncated"))
    progress.add(report(problem=Problem("b.wav is empty", "leave it out")))
    # Another worker tries again: nobody needs to know.
    progress.add(report(finished=False, problem=Problem("c.wav: a worker died", "wait")))
    assert capsys.readouterr().err.splitlines() == [
        "warning: a.wav is truncated", "error: b.wav is empty - leave it out",
    ]  # fmt: skip
    assert progress.failures == 1


def test_on_a_terminal_the_bar_makes_room_for_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []
    bar: Any = SimpleNamespace(
        add_task=lambda *_, **values: calls.append(values["total"]),
        start=lambda: calls.append("start"),
        stop=lambda: calls.append("stop"),
        update=lambda _, **values: calls.append(values["completed"]),
        task_ids=[0],
    )
    monkeypatch.setattr(archive_module, "can_draw", lambda: True)
    monkeypatch.setattr(archive_module, "transient_bar", lambda *_: bar)
    with _Progress(3, 0) as progress:
        progress.add(report())
        progress.add(report(problem=Problem("b.wav is empty", "leave it out")))
    assert calls == [3, "start", 1, "stop", "start", 2, "stop"]
    assert capsys.readouterr().err == "error: b.wav is empty - leave it out\n"


def test_an_input_that_is_not_there_fails_alone_among_others(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("fsspec", reason="needs the extra cluster")
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    missing, there = str(tmp_path / "none"), str(tmp_path / "a.wav")
    recordings, failures = _find([missing, there])
    assert len(recordings) == 1 and failures == 1
    assert capsys.readouterr().err.startswith("error: ")
    with pytest.raises(UsageError):
        _find([missing])
