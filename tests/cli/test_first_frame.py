"""The first frame of the live view, before anything large is imported."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from streamer.cli.first_frame import _is_live, frame
from streamer.terminal.drawing.render import render
from streamer.terminal.drawing.style import plain
from streamer.terminal.drawing.theme import make_theme
from streamer.terminal.drawing.typesetter import Typesetter
from streamer.terminal.view_state import ViewInfo, ViewState
from tests.support.terminal.command_line import LIMIT_S, command, environment


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_it_is_the_first_frame_of_the_view_but_for_the_keys(columns: int) -> None:
    state = ViewState(ViewInfo(), opened=False, loading=True)
    setter = Typesetter(make_theme("neutral", 256))
    rows = [plain(row).rstrip() for row in render(state, setter, columns, 24).rows()]
    drawn = re.sub(r"\x1b\[\d*[a-zA-Z]|\r", "", frame(columns))
    assert [row.rstrip() for row in drawn.split("\n")] == rows


def test_the_cursor_ends_where_it_began() -> None:
    text = frame(80)
    assert text.endswith("\x1b[3A\r") and text.count("\n") == 3


@pytest.mark.parametrize(
    ("line", "live"),
    [
        ("", True),
        ("listen", True),
        ("demo", True),
        ("--beam 10", True),
        ("--device Yeti", True),
        ("transcribe --realtime talk.flac", True),
        ("transcribe talk.flac", False),
        ("devices", False),
        ("models list", False),
        ("--help", False),
        ("listen --plain", False),
        ("--stdout", False),
        ("--format jsonl", False),
        ("listen --format=srt", False),
        ("--type", False),
        ("--version", False),
    ],
)
def test_only_what_ends_in_the_live_view_has_it(line: str, live: bool) -> None:
    assert _is_live(line.split()) == live


def test_a_recording_as_the_only_argument_has_a_progress_bar_instead(tmp_path: Path) -> None:
    (tmp_path / "talk").touch()
    assert not _is_live([str(tmp_path / "talk")])
    assert not _is_live(["--beam", "10", str(tmp_path / "talk")])


def test_nothing_large_has_been_imported_by_then() -> None:
    script = (
        "import sys\n"
        "from streamer.cli import app, first_frame\n"
        "first_frame._is_able = lambda: False\n"
        "first_frame.show([])\n"
        "print(*{name.partition('.')[0] for name in sys.modules})\n"
    )
    # What measures coverage imports much itself.
    clean = {k: v for k, v in environment().items() if not k.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-c", script], env=clean, capture_output=True, text=True, check=True
    )
    assert not {"numpy", "onnxruntime", "rich", "typer", "click", "dataclasses"} & set(
        done.stdout.split()
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
@pytest.mark.parametrize("name", ["INT", "TERM", "HUP", "QUIT", "TSTP"])
def test_a_signal_during_the_start_leaves_no_frame_on_the_screen(name: str, tmp_path: Path) -> None:
    pytest.importorskip("pyte", reason="needs pyte")
    from tests.support.terminal.job import Job

    number = getattr(signal, f"SIG{name}")
    # In place of the first import after the frame; when it goes on after a stop, it ends.
    (tmp_path / "typer.py").write_text(
        f"import os; os.kill(os.getpid(), {number}); raise SystemExit(3)"
    )
    path = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])
    settings = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "SIGNALS_RUN": str(tmp_path)}
    job = Job(
        command("demo"), {**environment({"PYTHONPATH": path}), **settings}, piped=False, fed=None
    )
    try:
        assert job.wait(LIMIT_S)
        assert job.raw.count(frame(80).replace("\n", "\r\n").encode()) == (
            2 if name == "TSTP" else 1
        )
        assert job.faults + job.terminal_faults() == []
        assert job.code == (3 if name == "TSTP" else -number)
    finally:
        job.close()
