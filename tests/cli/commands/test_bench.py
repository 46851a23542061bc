"""``streamer bench``: medians of several processes, beside their limits."""

from __future__ import annotations

import io
import json
import subprocess
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from streamer.acoustic.coreml_runtime import COMPUTE_UNITS
from streamer.cli.app import run
from streamer.cli.commands.machine import bench_start, bench_units
from streamer.errors import StreamerError, UsageError

bench = import_module("streamer.cli.commands.machine.bench")

FIGURES = {
    "rtf": 0.03, "memory_mb": 150.0, "busy": 0.05, "parts_mb": [90.0, 60.0],
    "chunk_p50_ms": 4.0, "chunk_p95_ms": 9.0,
}  # fmt: skip


class Processes:
    """Stand-ins for the processes that are measured.

    Attributes:
        figures: what those print that transcribe for a minute, one after the other.
        code: exit code of those that are run to their end.
        error: what they print on standard error.
        words: what those print that play a recording.
    """

    def __init__(self) -> None:
        self.figures: list[dict[str, Any]] = [FIGURES]
        self.code = 0
        self.error = ""
        self.words = '{"type": "final"}\n'
        self.commands: list[list[str]] = []

    def run(self, command: list[str], **_: Any) -> Any:
        self.commands.append(command)
        measured = json.dumps(self.figures[len(self.commands) % len(self.figures) - 1])
        return SimpleNamespace(returncode=self.code, stdout=measured, stderr=self.error)

    def popen(self, command: list[str], **_: Any) -> Any:
        return SimpleNamespace(
            stdout=io.StringIO(self.words),
            stderr=io.StringIO(self.error),
            kill=lambda: None,
            communicate=lambda: None,
        )


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Processes:
    made = Processes()
    monkeypatch.setattr(subprocess, "run", made.run)
    monkeypatch.setattr(subprocess, "Popen", made.popen)
    monkeypatch.setattr(bench_start, "report_start", lambda: None)
    return made


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "tone.wav"
    soundfile.write(str(path), np.sin(np.arange(3 * 16000) / 9), 16000)
    return path


def printed(capsys: pytest.CaptureFixture[str], recording: Path, *options: str) -> dict[str, str]:
    """Return the rows of the table."""
    assert run(["bench", "--file", str(recording), *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("tone.wav, repeated to 60 s; ")
    return {line[:30].strip(): line[31:] for line in lines[1:]}


def test_each_figure_is_the_median_beside_its_limit(
    processes: Processes, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    processes.figures = [{**FIGURES, "rtf": rtf} for rtf in (0.03, 0.09, 0.04)]
    rows = printed(capsys, recording, "--runs", "3")
    assert rows["real-time factor"] == "0.040  (limit: 0.045, ok)"
    assert rows["memory"] == "150 MB  (limit: 200 MB, ok)"
    assert rows["private at the end"] == "90 MB, pages of mapped files 60 MB"
    assert rows["network, per chunk"] == "p50 4.0 ms, p95 9.0 ms"


def test_a_limit_that_is_exceeded_is_missed(
    processes: Processes, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    processes.figures = [{**FIGURES, "memory_mb": 260.4}]
    rows = printed(capsys, recording, "--runs", "1")
    assert rows["memory"] == "260 MB  (limit: 200 MB, MISSED)"


def test_what_a_system_does_not_tell_has_no_row(
    processes: Processes, recording: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    processes.figures = [{**FIGURES, "memory_mb": None, "parts_mb": None}]
    monkeypatch.setattr(bench, "_children_cpu_s", lambda: None)  # as on Windows
    rows = printed(capsys, recording, "--runs", "1")
    assert "memory" not in rows and "private at the end" not in rows
    assert rows["words of a two-second file"].endswith(" s")


@pytest.mark.parametrize(
    ("stderr", "said"),
    [("Traceback\nerror: no model - pull one\n", "no model - pull one"), ("", "no error message")],
)
def test_a_process_that_fails_ends_it_with_its_last_line(
    processes: Processes, recording: Path, stderr: str, said: str
) -> None:
    processes.code, processes.error, processes.words = 1, stderr, ""
    for measure in (bench._transcribe, bench._words, bench._start):
        with pytest.raises(StreamerError, match=f"a benchmark process failed: .*{said}"):
            measure(recording, "english")


def test_compute_units_are_measured_instead_where_they_are_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []

    def lines(bundle: Any, units: Any, folder: Path, plan: Any) -> list[str]:
        asked.append((bundle.name, units))
        return ["one", "two"]

    monkeypatch.setattr(bench_units, "measured_lines", lines)
    assert run(["bench", "--compute-units", "cpu_only, all"]) == 0
    assert capsys.readouterr().out == "one\ntwo\n"
    assert asked == [("english", ("CPU_ONLY", "ALL"))]


def test_units_are_names_or_all_of_them() -> None:
    assert bench_units.chosen_units("ALL") == COMPUTE_UNITS
    with pytest.raises(UsageError, match="unknown compute units GPU"):
        bench_units.chosen_units("CPU_ONLY,gpu")
