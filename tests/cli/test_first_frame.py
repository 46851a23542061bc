"""The first frame of the live view, before anything large is imported."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from streamer.cli import first_frame
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


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A terminal of 80 columns; what is written to it."""
    written: list[str] = []
    monkeypatch.setattr(first_frame, "_is_able", lambda: True)
    monkeypatch.setattr(first_frame, "_write", lambda descriptor, text: written.append(text))
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: os.terminal_size((80, 24)))
    numbers = [*first_frame._deadly(), *([signal.SIGTSTP] if os.name == "posix" else [])]
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, signal.SIG_DFL)
    yield written
    first_frame.take_over()
    for number, handler in before.items():
        signal.signal(number, handler)


def test_it_is_drawn_once_and_erased_once(terminal: list[str]) -> None:
    for _ in range(2):
        first_frame.show([])
    assert terminal == [frame(80)]
    for _ in range(2):
        first_frame.erase()
    assert terminal == [frame(80), "\r\x1b[J"]


def test_the_view_that_has_taken_over_is_not_erased(terminal: list[str]) -> None:
    first_frame.show(["listen"])
    first_frame.take_over()
    first_frame.erase()
    assert terminal == [frame(80)]


@pytest.mark.skipif(os.name == "nt", reason="needs signals of POSIX")
def test_signals_that_somebody_ignores_or_handles_stay_so(terminal: list[str]) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, print)
    first_frame.show([])
    assert signal.getsignal(signal.SIGINT) is first_frame._ended
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    first_frame.erase()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is print


def test_on_windows_signals_are_left_alone(
    terminal: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    first_frame.show([])
    first_frame.erase()
    assert len(terminal) == 2 and signal.getsignal(signal.SIGINT) is signal.SIG_DFL


@pytest.mark.skipif(os.name == "nt", reason="needs signals of POSIX")
def test_a_stop_erases_it_and_the_shell_gets_it_back(
    terminal: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda process, number: killed.append(number))
    first_frame.show([])
    first_frame._stopped(signal.SIGTSTP, None)
    assert killed == [signal.SIGTSTP] and terminal == [frame(80), "\r\x1b[J", frame(80)]
    first_frame._ended(signal.SIGTERM, None)
    assert killed[1:] == [signal.SIGTERM] and terminal[3:] == ["\r\x1b[J"]
    first_frame._stopped(signal.SIGTSTP, None)  # nothing is shown any more
    assert len(terminal) == 4


def test_a_narrow_terminal_gets_none() -> None:
    assert frame(39) == ""


@pytest.mark.parametrize(
    ("variables", "able"),
    [
        ({}, True),
        ({"STREAMER_PLAIN": "1"}, False),
        ({"ACCESSIBLE": "1"}, False),
        ({"STREAMER_FORMAT": "jsonl"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": ""}, False),
    ],
)
def test_only_a_terminal_that_moves_its_cursor_gets_one(
    variables: dict[str, str], able: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*first_frame._PLAIN_VARIABLES, "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(os, "isatty", lambda descriptor: True)
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(encoding="UTF-8"))
    assert first_frame._is_able() == able
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(encoding="latin-1"))
    assert not first_frame._is_able()
