"""The name of the program that gets the keys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from streamer.dictation.focused_program import ask_tool, focused_program

X11 = {"DISPLAY": ":0"}


def test_x11_names_the_class_of_the_window() -> None:
    assert focused_program("linux", X11, lambda tool: "Firefox") == "Firefox"


def test_an_old_xdotool_names_the_process(tmp_path: Path) -> None:
    (tmp_path / "42").mkdir()
    (tmp_path / "42" / "comm").write_text("xterm\n")

    def ask(arguments: Sequence[str]) -> str:
        return "42" if arguments[-1] == "getwindowpid" else ""

    assert focused_program("linux", X11, ask, tmp_path) == "xterm"
    assert focused_program("linux", X11, ask, tmp_path / "nothing") is None


def test_macos_names_the_application_in_front() -> None:
    assert focused_program("darwin", {}, lambda tool: "Notes") == "Notes"


@pytest.mark.parametrize("environment", [{}, {"WAYLAND_DISPLAY": "w", "DISPLAY": ":0"}])
def test_where_nobody_tells_there_is_no_name(environment: dict[str, str]) -> None:
    assert focused_program("linux", environment, lambda tool: "wrong") is None


def test_a_name_cannot_control_the_terminal() -> None:
    shown = focused_program("linux", X11, lambda tool: "a\x1b[2Jb\u202ec\x9b" + 100 * "d")
    assert shown is not None and shown.isprintable() and len(shown) == 40


def test_a_tool_that_is_missing_or_fails_names_nothing() -> None:
    assert ask_tool(["no-such-tool-anywhere"]) == ""
    assert ask_tool(["sh", "-c", "echo name; exit 1"]) == ""
    assert ask_tool(["sh", "-c", "echo name; echo more"]) == "name"
