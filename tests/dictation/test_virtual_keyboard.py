"""Virtual keyboards: the arguments of every tool."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from streamer.dictation import find_virtual_keyboard
from streamer.dictation.virtual_keyboard import (
    SystemEvents,
    Wtype,
    Xdotool,
    Ydotool,
    run_tool,
)
from streamer.errors import OutputError

#: Texts that would be harmful as options, scripts or shell commands.
HOSTILE = ["--help", "-k Return", "$(reboot) `reboot`", '" & do shell script "reboot" & "', "; ls"]


class Recorder:
    """Records the tools that would be run."""

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
def test_wtype_takes_text_on_standard_input(text):
    recorder = Recorder()
    Wtype(recorder).type_text(text)
    assert recorder.calls == [(["wtype", "-"], text)]


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


def test_xdotool_presses_return_for_a_line_break():
    recorder = Recorder()
    Xdotool(recorder).type_text("one\n\ntwo")
    assert [text for _, text in recorder.calls] == ["one", "", "", "two"]
    assert [arguments[-1] for arguments, _ in recorder.calls] == ["-", "Return", "Return", "-"]


def test_backspace_is_pressed_the_requested_number_of_times():
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
def test_a_missing_tool_is_an_error_that_says_how_to_install_it(environment, message):
    with pytest.raises(OutputError, match=message):
        find_virtual_keyboard("linux", environment, lambda tool: None)


def test_a_tool_that_fails_says_why():
    with pytest.raises(OutputError, match="sh cannot type \\(no display\\)"):
        run_tool(["sh", "-c", "cat >/dev/null; echo no display >&2; exit 1"], "text")
    with pytest.raises(OutputError, match="cannot type"):
        run_tool(["no-such-tool-anywhere"], "text")


def test_a_tool_that_hangs_is_not_reported_with_what_was_said(monkeypatch):
    monkeypatch.setattr("streamer.dictation.virtual_keyboard._TOOL_LIMIT_S", 0.1)
    with pytest.raises(OutputError, match=r"sh cannot type \(no end after 0.1 s\)") as caught:
        run_tool(["sh", "-c", "exec sleep 30", "a secret"], "a secret")
    assert "secret" not in str(caught.value)


def test_with_pynput_it_types_on_macos_and_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    class Controller:
        def type(self, text: str) -> None:
            sent.append(text)

        def tap(self, key: str) -> None:
            sent.append(key)

    pynput = ModuleType("pynput")
    keyboard = SimpleNamespace(Controller=Controller, Key=SimpleNamespace(backspace="<backspace>"))
    monkeypatch.setattr(pynput, "keyboard", keyboard, raising=False)
    monkeypatch.setitem(sys.modules, "pynput", pynput)
    for platform in ("darwin", "win32"):
        found = find_virtual_keyboard(platform)
        assert found.name == "pynput"
        found.type_text("hello")
        found.backspace(2)
    assert sent == ["hello", "<backspace>", "<backspace>"] * 2


def test_without_pynput_macos_has_a_tool_and_windows_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pynput", None)
    assert isinstance(find_virtual_keyboard("darwin"), SystemEvents)
    with pytest.raises(OutputError, match="pip install pynput"):
        find_virtual_keyboard("win32")
