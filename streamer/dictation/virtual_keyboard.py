"""Virtual keyboards: the system's tools for typing into the focused window.

Text is passed to a tool on standard input, where the list of processes does not
show it, or for macOS's osascript, which does not read it, as an argument; there
is no shell. So no speech can become a command on this machine. It does become
keys in the focused window: "new line" presses Return there, unless ``--no-enter``
is given.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Callable, Protocol

from streamer.errors import OutputError

#: A tool that takes longer for one utterance has hung, in seconds.
_TOOL_LIMIT_S = 60.0
#: Delay between two keys: some programs lose keys that come faster.
_KEY_DELAY_MS = 4
#: Linux's key code for backspace; ydotool takes numbers only.
_KEY_BACKSPACE = 14

#: Runs a tool, given its arguments and its standard input.
Runner = Callable[[Sequence[str], str], None]


class VirtualKeyboard(Protocol):
    """Sends keys to the focused window."""

    name: str

    def type_text(self, text: str) -> None:
        """Type a text; a line break is the Return key.

        Raises:
            OutputError: the keys could not be sent.
        """

    def backspace(self, times: int) -> None:
        """Press backspace a number of times.

        Raises:
            OutputError: the keys could not be sent.
        """


def run_tool(arguments: Sequence[str], standard_input: str) -> None:
    """Run a tool and wait for it.

    Raises:
        OutputError: it cannot be run, fails or hangs.
    """
    name = arguments[0]
    try:
        done = subprocess.run(
            list(arguments),
            input=standard_input.encode("utf-8"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_TOOL_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:  # its message contains the arguments, which may be speech
        raise OutputError(
            f"{name} cannot type (no end after {_TOOL_LIMIT_S:g} s)", f"try {name} by hand"
        ) from None
    except OSError as error:
        raise OutputError(f"{name} cannot type ({error})", f"try {name} by hand") from error
    if done.returncode:
        errors = done.stderr.decode("utf-8", "replace").strip().splitlines()
        why = errors[-1] if errors else f"exit code {done.returncode}"
        raise OutputError(f"{name} cannot type ({why})", f"try {name} by hand")


class Xdotool:
    """X11, with xdotool."""

    name = "xdotool"

    def __init__(self, run: Runner = run_tool) -> None:
        self._run = run

    def type_text(self, text: str) -> None:
        """Type a text; line breaks are Return keys: for GTK, xdotool's own key is none."""
        delay = str(_KEY_DELAY_MS)
        typing = ["xdotool", "type", "--clearmodifiers", "--delay", delay, "--file", "-"]
        for number, line in enumerate(text.split("\n")):
            if number:
                self._run(["xdotool", "key", "--clearmodifiers", "Return"], "")
            if line:
                self._run(typing, line)

    def backspace(self, times: int) -> None:
        """Press backspace a number of times."""
        delay = str(_KEY_DELAY_MS)
        for count in _portions(times):
            keys = ["BackSpace"] * count
            self._run(["xdotool", "key", "--clearmodifiers", "--delay", delay, *keys], "")


class Wtype:
    """Wayland, with wtype: for compositors with the virtual keyboard protocol."""

    name = "wtype"

    def __init__(self, run: Runner = run_tool) -> None:
        self._run = run

    def type_text(self, text: str) -> None:
        """Type a text."""
        self._run(["wtype", "-"], text)

    def backspace(self, times: int) -> None:
        """Press backspace a number of times."""
        for count in _portions(times):
            keys = [argument for _ in range(count) for argument in ("-k", "BackSpace")]
            self._run(["wtype", *keys], "")


class Ydotool:
    """Wayland or X11, with ydotool: the kernel's virtual input device."""

    name = "ydotool"

    def __init__(self, run: Runner = run_tool) -> None:
        self._run = run

    def type_text(self, text: str) -> None:
        """Type a text."""
        self._run(["ydotool", "type", "--file", "-"], text)

    def backspace(self, times: int) -> None:
        """Press backspace a number of times."""
        for count in _portions(times):
            press = [f"{_KEY_BACKSPACE}:1", f"{_KEY_BACKSPACE}:0"]
            self._run(["ydotool", "key", *(press * count)], "")


class SystemEvents:
    """macOS, with AppleScript."""

    name = "System Events"

    #: The text is the second argument; the first ends the options of osascript.
    _TYPE = (
        "on run argv",
        'tell application "System Events" to keystroke (item 2 of argv)',
        "end run",
    )
    _RETURN_KEY, _BACKSPACE_KEY = 36, 51

    def __init__(self, run: Runner = run_tool) -> None:
        self._run = run

    def type_text(self, text: str) -> None:
        """Type a text; line breaks are sent as keys, since keystroke does not accept them."""
        for number, line in enumerate(text.split("\n")):
            if number:
                self._press(self._RETURN_KEY, 1)
            if line:
                self._run([*self._script(self._TYPE), "text", line], "")

    def backspace(self, times: int) -> None:
        """Press backspace a number of times."""
        self._press(self._BACKSPACE_KEY, times)

    def _press(self, key: int, times: int) -> None:
        lines = (
            'tell application "System Events"',
            f"repeat {times} times",
            f"key code {key}",
            "end repeat",
            "end tell",
        )
        self._run(self._script(lines), "")

    def _script(self, lines: Sequence[str]) -> list[str]:
        return ["osascript", *(part for line in lines for part in ("-e", line))]


class Pynput:
    """macOS and Windows, with the library pynput."""

    name = "pynput"

    def __init__(self) -> None:
        from pynput import keyboard

        self._keys = keyboard.Key
        self._keyboard = keyboard.Controller()

    def type_text(self, text: str) -> None:
        """Type a text."""
        self._keyboard.type(text)

    def backspace(self, times: int) -> None:
        """Press backspace a number of times."""
        for _ in range(times):
            self._keyboard.tap(self._keys.backspace)


def find_virtual_keyboard(
    platform: str = sys.platform,
    environment: Mapping[str, str] | None = None,
    which: Callable[[str], str | None] = shutil.which,
) -> VirtualKeyboard:
    """Return the virtual keyboard for this session.

    Args:
        platform: as in `sys.platform`.
        environment: tells X11 from Wayland; None for `os.environ`.
        which: finds a program.

    Raises:
        OutputError: the tool is missing (the message says how to install it),
            or there is no graphical session.
    """
    environment = os.environ if environment is None else environment
    if platform in ("darwin", "win32"):
        return _find_with_pynput(platform)
    if environment.get("WAYLAND_DISPLAY"):
        if which("wtype"):
            return Wtype()
        if which("ydotool"):
            return Ydotool()
        raise OutputError(
            "--type needs wtype or ydotool under Wayland",
            "install one: sudo apt install wtype (on GNOME: ydotool, and start ydotoold)",
        )
    if environment.get("DISPLAY"):
        if which("xdotool"):
            return Xdotool()
        raise OutputError("--type needs xdotool under X11", "install it: sudo apt install xdotool")
    raise OutputError(
        "--type finds no window to type into (neither DISPLAY nor WAYLAND_DISPLAY is set)",
        "run it in a graphical session",
    )


def _find_with_pynput(platform: str) -> VirtualKeyboard:
    try:
        return Pynput()
    except ImportError as error:
        if platform == "darwin":
            return SystemEvents()
        raise OutputError(
            "--type needs the library pynput on Windows", "install it: pip install pynput"
        ) from error


def _portions(times: int, largest: int = 100) -> list[int]:
    """Split a count into portions that fit on a command line."""
    full, rest = divmod(times, largest)
    return [largest] * full + ([rest] if rest else [])
