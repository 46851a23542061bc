"""Typing into other windows, a real one under Xvfb included."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from streamer.dictation import (
    Typist,
    find_clipboard,
    find_virtual_keyboard,
    focused_program,
    focused_window,
)
from streamer.dictation.secure_input import has_secure_input
from streamer.dictation.typist import printable
from streamer.errors import OutputError
from streamer.output import Edit
from tests.support.events import final

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


def wait_for(path: Path, content: str) -> str:
    """Wait until a file has content and return it; give up in the end."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if path.exists() and content in path.read_text(encoding="utf-8"):
            break
        time.sleep(0.05)
    return path.read_text(encoding="utf-8") if path.exists() else "(no file)"


def type_into_the_focused_window(*edits: Edit) -> list[str]:
    """Type edits, and return the warnings."""
    told: list[str] = []
    typing = Typist(
        find_virtual_keyboard("linux"),
        told.append,
        focused_window=lambda: focused_window("linux"),
        clipboard=find_clipboard("linux"),
    )
    for edit in edits:
        typing.write(edit)
    typing.close(LIMIT_S)
    return told


def focus(name: str, by: str = "--class") -> None:
    subprocess.run(
        ["xdotool", "search", "--sync", "--onlyvisible", by, name, "windowfocus", "--sync"],
        check=True, timeout=60, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def test_what_is_typed_into_a_gtk_window_is_the_final_to_the_letter(display, tmp_path):
    for tool in ("yad", "xclip"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    clipboard = find_clipboard("linux")
    clipboard.copy("something of the user's")
    typed = tmp_path / "typed"
    with typed.open("w") as output:
        window = subprocess.Popen(
            ["yad", "--text-info", "--editable", "--title", "typing test", "--geometry", "500x300"],
            stdout=output, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        focus("typing test", "--name")
        told = type_into_the_focused_window(
            Edit(0, 0, "It’s 5 o'clock, said Zoë"),
            Edit(1, 3, "Zoé: “well — yes?”\n"),
            Edit(2, 0, "One two three four five six seven eight nine ten eleven twelve"),
            Edit(3, len(" eleven twelve"), "."),
        )
        assert told == []
        assert clipboard.paste() == "something of the user's"
        subprocess.run(["xdotool", "key", "ctrl+a", "ctrl+c"], check=True)
        expected = (
            "It’s 5 o'clock, said Zoé: “well — yes?”\n"
            "One two three four five six seven eight nine ten."
        )
        deadline = time.monotonic() + 30
        while clipboard.paste() != expected and time.monotonic() < deadline:
            time.sleep(0.1)
        assert clipboard.paste() == expected
    finally:
        window.terminate()
        window.wait()


class Window:
    """A window that a test changes, and a clipboard."""

    def __init__(self) -> None:
        self.now = "1"
        self.copied: list[str] = []

    def copy(self, text: str) -> None:
        self.copied.append(text)


def test_what_cannot_be_typed_is_on_the_clipboard_and_a_warning_says_so():
    window, told, paper = Window(), [], Paper(failing=True)
    typing = Typist(paper, told.append, clipboard=window)
    for edit in (Edit(0, 0, "One two"), Edit(1, 3, "three"), Edit(2, 0, "."), Edit(3, 20, "New")):
        typing.write(edit)
    typing.close(LIMIT_S)
    assert window.copied == ["One two", "One three", "One three.", "New"]
    (warning,) = told
    assert "no ink - buy some; the text is on the clipboard" in warning


def test_a_correction_is_not_made_in_another_window():
    window, told, paper = Window(), [], Paper()
    windows = iter(["1", "1", "2", "2"])
    typing = Typist(paper, told.append, focused_window=lambda: next(windows), clipboard=window)
    for edit in (
        Edit(0, 0, "One two"),
        Edit(1, 3, "three"),
        Edit(2, 5, "four"),
        Edit(3, 0, " five"),
    ):
        typing.write(edit)
    typing.close(LIMIT_S)
    assert paper.text == "One three five"
    assert window.copied == ["four"]
    assert "another window" in told[0]


def test_where_no_key_would_arrive_the_text_goes_to_the_clipboard():
    for options in ({"has_secure_input": lambda: True}, {"focused_window": lambda: "0"}):
        window, told, paper = Window(), [], Paper()
        typing = Typist(paper, told.append, clipboard=window, **options)
        typing.write(Edit(0, 0, "One"))
        typing.close(LIMIT_S)
        assert (paper.text, window.copied, len(told)) == ("", ["One"], 1)
        assert "the text is on the clipboard" in told[0]


def test_secure_input_is_asked_of_macos_only():
    carbon = SimpleNamespace(IsSecureEventInputEnabled=lambda: 1)
    assert has_secure_input("darwin", lambda path: carbon)
    assert not has_secure_input("linux", lambda path: carbon)
    assert not has_secure_input("darwin", lambda path: SimpleNamespace())


def test_dictation_is_typed_into_a_real_window(display, tmp_path):
    if shutil.which("xterm") is None:
        pytest.skip("xterm is not installed")
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


def test_events_are_not_typed_and_what_is_left_at_the_end_is_said():
    class Slow(Paper):
        def type_text(self, text: str) -> None:
            begun.set()
            assert going.wait(LIMIT_S)
            super().type_text(text)

    begun, going = threading.Event(), threading.Event()
    paper, warnings = Slow(), []
    typist = Typist(paper, warnings.append)
    typist.write(final("an event"))
    for number in range(3):
        typist.write(Edit(number, 0, "x"))
    assert begun.wait(LIMIT_S)
    typist.close(0.0)
    assert warnings == ["--type: 3 edits could not be typed in time"]
    going.set()


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_only_x11_tells_which_window_gets_the_keys(platform):
    asked = []
    environment = {"DISPLAY": ":0"}
    assert focused_window(platform, environment, asked.append) is None
    assert focused_window("linux", {**environment, "WAYLAND_DISPLAY": "w"}, asked.append) is None
    assert focused_window("linux", {}, asked.append) is None
    assert asked == []
    assert focused_window("linux", environment, lambda arguments: "4711") == "4711"
    assert focused_window("linux", environment, lambda arguments: "no window") is None
