"""The clipboard: its tools, what goes there, and a real one under Xvfb."""

from __future__ import annotations

import time

import pytest

from streamer.dictation import Clipboard, ClipboardKeyboard, find_clipboard
from streamer.dictation.clipboard_writer import ClipboardWriter
from streamer.errors import OutputError
from streamer.events import Close
from streamer.output import Edit
from tests.support.events import final, partial, stats

LIMIT_S = 60.0


class Board:
    def __init__(self) -> None:
        self.copied: list[str] = []

    def copy(self, text: str) -> None:
        self.copied.append(text)


class Broken:
    def copy(self, text: str) -> None:
        raise OutputError("no board", "buy one")


def copied(whole: bool, *items, edits: bool = False) -> list[str]:
    board = Board()
    writer = ClipboardWriter(board, print, whole, edits)
    for item in items:
        writer.write(item)
    writer.close(LIMIT_S)
    return board.copied


SAID = (
    final("one", display="One"),
    Close(0, 1, 2.0, "."),
    final("two", join="\n\n", display="Two"),
)


def test_each_final_replaces_the_one_before_with_its_mark_when_it_is_known():
    assert copied(False, *SAID) == ["One", "One.", "Two"]


def test_the_whole_is_copied_once_at_the_end():
    assert copied(True, *SAID) == ["One.\n\nTwo\n"]
    assert copied(True) == []


def test_the_whole_of_a_dictation_is_that_of_its_edits():
    items = (final("one"), Edit(0, 0, "One two"), final("scratch that"), Edit(1, 4, "\n"))
    assert copied(True, *items, edits=True) == ["One\n"]


def test_a_failure_is_said_once():
    told: list[str] = []
    writer = ClipboardWriter(Broken(), told.append)
    for _ in range(3):
        writer.write(final("one"))
    writer.close(LIMIT_S)
    assert told == ["--clipboard: no board - buy one"]


def test_instead_of_a_keyboard_the_clipboard_has_everything():
    board = Board()
    keyboard = ClipboardKeyboard(board)
    keyboard.type_text("Hello wrld")
    keyboard.backspace(4)
    keyboard.type_text("world")
    assert board.copied[-1] == "Hello world"


@pytest.mark.parametrize(
    ("platform", "environment", "there", "tool"),
    [
        ("darwin", {}, ["pbcopy"], "pbcopy"),
        ("win32", {}, ["clip"], "clip"),
        ("linux", {"WAYLAND_DISPLAY": "w", "DISPLAY": ":0"}, ["wl-copy", "xclip"], "wl-copy"),
        ("linux", {"WAYLAND_DISPLAY": "w", "DISPLAY": ":0"}, ["xclip"], "xclip"),
        ("linux", {"DISPLAY": ":0"}, ["wl-copy", "xsel"], "xsel"),
        ("linux", {"DISPLAY": ":0"}, [], None),
        ("linux", {}, ["xclip", "wl-copy"], None),
    ],
)
def test_the_tool_fits_the_session(platform, environment, there, tool):
    found = find_clipboard(platform, environment, lambda name: name if name in there else None)
    assert (found and found.copying[0]) == tool


def test_a_tool_that_fails_or_is_missing_is_an_error_of_one_line():
    for command in (("sh", "-c", "exit 3"), ("no-such-tool-anywhere",)):
        board = Clipboard(command, command)
        with pytest.raises(OutputError, match="clipboard"):
            board.copy("text")
        assert board.paste() == ""


def test_a_real_clipboard_gives_back_what_was_copied(display):
    board = find_clipboard("linux")
    if board is None:
        pytest.skip("xclip is not installed")
    assert board.paste() == ""
    for text in ("one “two” – é\n", "three"):
        board.copy(text)
        # xclip returns before its child owns the selection.
        until = time.monotonic() + 5.0
        while board.paste() != text and time.monotonic() < until:
            pass
        assert board.paste() == text


def test_other_events_leave_the_clipboard_alone():
    items = (partial("on"), stats(), final("one"), stats())
    assert copied(False, *items) == ["one"]
    assert copied(True, *items) == ["one\n"]
