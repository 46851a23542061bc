"""Typing into other windows: arguments for every tool, and a real window under Xvfb."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamer.dictation import Typist, find_virtual_keyboard
from streamer.dictation.typist import printable
from streamer.dictation.virtual_keyboard import (
    SystemEvents,
    Wtype,
    Xdotool,
    Ydotool,
    run_tool,
)
from streamer.errors import OutputError
from streamer.output import Edit

LIMIT_S = 120.0
#: Texts that would do harm as options, scripts or shell commands.
HOSTILE = ["--help", "-k Return", "$(reboot) `reboot`", '" & do shell script "reboot" & "', "; ls"]


class Recorder:
    """Takes the place of running a tool."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[str], str]] = []

    def __call__(self, arguments, standard_input: str) -> None:
        self.calls.append((list(arguments), standard_input))


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("keyboard", [Xdotool, Ydotool])
def test_text_reaches_the_tool_on_standard_input_only(keyboard, text):
    recorder = Recorder()
    keyboard(recorder).type_text(text)
    ((arguments, standard_input),) = recorder.calls
    assert standard_input == text
    assert not any(text in argument for argument in arguments)
    assert arguments[-2:] == ["--file", "-"]


@pytest.mark.parametrize("text", HOSTILE)
def test_wtype_takes_text_after_the_end_of_its_options(text):
    recorder = Recorder()
    Wtype(recorder).type_text(text)
    assert recorder.calls == [(["wtype", "--", text], "")]


@pytest.mark.parametrize("text", HOSTILE)
def test_system_events_take_text_as_an_argument_of_a_fixed_script(text):
    recorder = Recorder()
    SystemEvents(recorder).type_text(text)
    ((arguments, _),) = recorder.calls
    assert arguments[-2:] == ["text", text]  # "text" ends osascript's options
    assert not any(text in argument for argument in arguments[:-1])


def test_system_events_press_return_for_a_line_break():
    recorder = Recorder()
    SystemEvents(recorder).type_text("one\ntwo")
    assert [arguments[-1] for arguments, _ in recorder.calls] == ["one", "end tell", "two"]
    assert "key code 36" in recorder.calls[1][0]


def test_backspaces_are_pressed_as_often_as_told():
    pressed = {}
    for keyboard in (Xdotool, Wtype, Ydotool, SystemEvents):
        recorder = Recorder()
        keyboard(recorder).backspace(205)
        pressed[keyboard] = [argument for call, _ in recorder.calls for argument in call]
    assert pressed[Xdotool].count("BackSpace") == 205
    assert pressed[Wtype].count("BackSpace") == 205
    assert pressed[Ydotool].count("14:1") == pressed[Ydotool].count("14:0") == 205
    assert "repeat 205 times" in pressed[SystemEvents]


@pytest.mark.parametrize(
    ("environment", "there", "name"),
    [
        ({"DISPLAY": ":0"}, ["xdotool", "wtype"], "xdotool"),
        ({"DISPLAY": ":0", "WAYLAND_DISPLAY": "w"}, ["xdotool", "wtype", "ydotool"], "wtype"),
        ({"WAYLAND_DISPLAY": "w"}, ["ydotool"], "ydotool"),
    ],
)
def test_the_tool_fits_the_session(environment, there, name):
    found = find_virtual_keyboard(
        "linux", environment, lambda tool: tool if tool in there else None
    )
    assert found.name == name


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"DISPLAY": ":0"}, "needs xdotool.*apt install xdotool"),
        ({"WAYLAND_DISPLAY": "w"}, "wtype or ydotool.*apt install wtype"),
        ({}, "no window"),
    ],
)
def test_a_missing_tool_is_named_with_what_installs_it(environment, message):
    with pytest.raises(OutputError, match=message):
        find_virtual_keyboard("linux", environment, lambda tool: None)


def test_a_tool_that_fails_says_why():
    with pytest.raises(OutputError, match="sh cannot type \\(no display\\)"):
        run_tool(["sh", "-c", "cat >/dev/null; echo no display >&2; exit 1"], "text")
    with pytest.raises(OutputError, match="cannot type"):
        run_tool(["no-such-tool-anywhere"], "text")


def test_control_characters_are_not_typed():
    assert printable("a\x1b[A\x03b\n\tü\x7f") == "a[Ab\n\tü"


class Paper:
    """A keyboard that keeps what it typed; fails where told to."""

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


def test_a_failure_to_type_is_told_once():
    told: list[str] = []
    typing = Typist(Paper(failing=True), told.append)
    for _ in range(3):
        typing.write(Edit(0, 0, "x"))
    typing.close(LIMIT_S)
    assert len(told) == 1
    assert "no ink - buy some" in told[0]


@pytest.fixture
def display(monkeypatch) -> Iterator[None]:
    """An X server without a screen."""
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
    """Wait until a file holds something; return what it holds then, or in the end."""
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
