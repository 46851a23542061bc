"""The program whose window has the focus, where the system tells."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Callable

#: A tool that takes longer does not answer, in seconds.
_TOOL_LIMIT_S = 2.0

_MAC_SCRIPT = (
    'tell application "System Events" to get name of first application process whose frontmost'
    " is true"
)

#: Runs a tool and returns its first line, empty if it fails.
Asker = Callable[[Sequence[str]], str]


def ask_tool(arguments: Sequence[str]) -> str:
    """Return the first line that a tool prints, empty if it fails."""
    try:
        done = subprocess.run(
            list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_TOOL_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
    return lines[0] if lines and done.returncode == 0 else ""


def focused_program(
    platform: str = sys.platform,
    environment: Mapping[str, str] | None = None,
    ask: Asker = ask_tool,
    processes: Path = Path("/proc"),
) -> str | None:
    """Return the name of the program that gets the keys; None if it is not known.

    It is known on X11 (xdotool) and macOS (System Events). Wayland does not tell.

    Args:
        platform: as in `sys.platform`.
        environment: tells X11 from Wayland; None for `os.environ`.
        ask: runs a tool.
        processes: where Linux lists its processes.
    """
    environment = os.environ if environment is None else environment
    if platform == "darwin":
        return _printable(ask(["osascript", "-e", _MAC_SCRIPT]))
    if platform == "win32" or environment.get("WAYLAND_DISPLAY"):
        return None
    if not environment.get("DISPLAY"):
        return None
    window = ["xdotool", "getwindowfocus"]
    # The class of a window is better known than its process, but old versions cannot tell it.
    named = _printable(ask([*window, "getwindowclassname"]))
    if named is not None:
        return named
    process = ask([*window, "getwindowpid"])
    if not process.isdigit():
        return None
    try:
        return _printable((processes / process / "comm").read_text(errors="replace"))
    except OSError:
        return None


def focused_window(
    platform: str = sys.platform,
    environment: Mapping[str, str] | None = None,
    ask: Asker = ask_tool,
) -> str | None:
    """Return the number of the window that gets the keys, on X11; None elsewhere."""
    environment = os.environ if environment is None else environment
    if platform in ("darwin", "win32") or environment.get("WAYLAND_DISPLAY"):
        return None
    if not environment.get("DISPLAY"):
        return None
    number = ask(["xdotool", "getwindowfocus"])
    return number if number.isdigit() else None


def _printable(name: str) -> str | None:
    """Return a name as it can be shown: a window may call itself anything."""
    shown = "".join(c for c in name if c.isprintable()).strip()[:40]
    return shown or None
