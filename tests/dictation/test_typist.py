"""Typing into other windows, a real one under Xvfb included."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamer.dictation import Typist, find_virtual_keyboard, focused_program
from streamer.dictation.typist import printable
from streamer.errors import OutputError
from streamer.output import Edit

LIMIT_S = 120.0


def test_control_characters_are_not_typed():
    assert printable("a\x1b[A\x03b\n\tü\x7f") == "a[Ab\n\tü"


class Paper:
    """A keyboard that records what it types, or fails."""

    name = "paper"

    def __init__(self, failing: bool = False) -> None:
        self.text = ""
        self.failing = failing

    def type_text(self, text: str) -> None:
        if self.failing:
            raise OutputError("no ink", "buy some")
        self.text += text

    def backspace(self, times: int) -> None:
        self.text = self.text[: len(self.text) - times]


def test_edits_are_typed_in_order():
    paper = Paper()
    typing = Typist(paper, print)
    for edit in (Edit(0, 0, "Hello."), Edit(1, 0, " Bad"), Edit(2, 4, ""), Edit(3, 1, "!\n")):
        typing.write(edit)
    typing.close(LIMIT_S)
    assert paper.text == "Hello!\n"


def test_without_enter_line_breaks_are_typed_as_spaces():
    paper = Paper()
    typing = Typist(paper, print, enter=False)
    for edit in (Edit(0, 0, "One.\n\nTwo"), Edit(1, 5, ""), Edit(2, 0, "\nthree")):
        typing.write(edit)
    typing.close(LIMIT_S)
    assert paper.text == "One. three"


def test_each_program_that_gets_keys_is_named_once_in_a_row():
    programs, said = iter(["xterm", "xterm", None, "firefox", "xterm"]), []
    typing = Typist(Paper(), print, focused_program=lambda: next(programs), say=said.append)
    for _ in range(5):
        typing.write(Edit(0, 0, "x"))
    typing.close(LIMIT_S)
    assert said == ["typing into xterm", "typing into firefox", "typing into xterm"]


def test_a_failure_to_type_is_reported_once():
    told: list[str] = []
    typing = Typist(Paper(failing=True), told.append)
    for _ in range(3):
        typing.write(Edit(0, 0, "x"))
    typing.close(LIMIT_S)
    assert len(told) == 1
    assert "no ink - buy some" in told[0]


@pytest.fixture
def display(monkeypatch) -> Iterator[None]:
    """Run an X server without a screen."""
    for tool in ("Xvfb", "xdotool", "xterm"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as stream:
        number = stream.readline().strip()  # comes when the server is ready
    if not number:
        server.wait()
        pytest.skip("Xvfb does not start here")
    monkeypatch.setenv("DISPLAY", f":{number}")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    yield
    server.terminate()
    server.wait()


def wait_for(path: Path, content: str) -> str:
    """Wait until a file has content and return it; give up in the end."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if path.exists() and content in path.read_text(encoding="utf-8"):
            break
        time.sleep(0.05)
    return path.read_text(encoding="utf-8") if path.exists() else "(no file)"


def test_dictation_is_typed_into_a_real_window(display, tmp_path):
    typed, ready = tmp_path / "typed", tmp_path / "ready"
    window = subprocess.Popen(
        ["xterm", "-xrm", "XTerm*backarrowKeyIsErase: true", "-xrm", "XTerm*ptyInitialErase: true",
         "-geometry", "80x24+0+0", "-e", "sh", "-c", f"echo yes > '{ready}'; cat > '{typed}'"],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert wait_for(ready, "yes") == "yes\n"
        subprocess.run(
            ["xdotool", "search", "--sync", "--onlyvisible", "--class", "xterm", "windowfocus",
             "--sync"],
            check=True, timeout=60, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        assert focused_program("linux") in ("XTerm", "xterm")
        told: list[str] = []
        typing = Typist(find_virtual_keyboard("linux"), told.append)
        for edit in (
            Edit(0, 0, 'Hello, "World"!'),
            Edit(1, 0, " --help me $(date)"),
            Edit(2, 8, ""),
            Edit(3, 0, "; it's 5 < 6.\n"),
            Edit(4, 0, "end\n"),
        ):
            typing.write(edit)
        typing.close(LIMIT_S)
        assert told == []
        assert wait_for(typed, "end") == 'Hello, "World"! --help me; it\'s 5 < 6.\nend\n'
    finally:
        window.terminate()
        window.wait()
