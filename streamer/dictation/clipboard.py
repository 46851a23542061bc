"""The clipboard of the desktop, by the system's tools."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Callable

from streamer.errors import OutputError

#: A tool that takes longer does not answer, in seconds.
_TOOL_LIMIT_S = 5.0

INSTALL = "install one: sudo apt install xclip (X11), wl-clipboard (Wayland)"


@dataclass(frozen=True)
class Clipboard:
    """Copies and pastes text.

    Attributes:
        copying: the command that takes text on standard input.
        pasting: the command that prints the text.
    """

    copying: tuple[str, ...]
    pasting: tuple[str, ...]

    def copy(self, text: str) -> None:
        """Put a text on the clipboard.

        Raises:
            OutputError: the tool fails.
        """
        self._run(self.copying, text)

    def paste(self) -> str:
        """Return the text on the clipboard; empty if there is none, or no text."""
        try:
            return self._run(self.pasting, "")
        except OutputError:
            return ""

    def _run(self, command: Sequence[str], text: str) -> str:
        copying = command == self.copying
        name = command[0]
        try:
            done = subprocess.run(
                list(command),
                input=text.encode(),
                # A tool may stay behind to serve the text: it must not hold a pipe of ours.
                stdout=subprocess.DEVNULL if copying else subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=_TOOL_LIMIT_S,
                check=False,
                start_new_session=True,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            why = "no answer" if isinstance(error, subprocess.TimeoutExpired) else error
            raise OutputError(f"{name} cannot use the clipboard ({why})", INSTALL) from None
        if done.returncode:
            raise OutputError(
                f"{name} cannot use the clipboard (exit code {done.returncode})", INSTALL
            )
        return "" if copying else done.stdout.decode("utf-8", "replace")


_WAYLAND = Clipboard(("wl-copy",), ("wl-paste", "--no-newline"))
_X11 = (
    Clipboard(
        ("xclip", "-selection", "clipboard", "-in"), ("xclip", "-selection", "clipboard", "-out")
    ),
    Clipboard(("xsel", "--clipboard", "--input"), ("xsel", "--clipboard", "--output")),
)
_MAC = Clipboard(("pbcopy",), ("pbpaste",))
_WINDOWS = Clipboard(("clip",), ("powershell", "-NoProfile", "-Command", "Get-Clipboard"))


def find_clipboard(
    platform: str = sys.platform,
    environment: Mapping[str, str] | None = None,
    which: Callable[[str], str | None] = shutil.which,
) -> Clipboard | None:
    """Return the clipboard of this session; None if there is none, or no tool for it.

    Args:
        platform: as in `sys.platform`.
        environment: tells X11 from Wayland; None for `os.environ`.
        which: finds a program.
    """
    environment = os.environ if environment is None else environment
    candidates: list[Clipboard] = []
    if platform == "darwin":
        candidates = [_MAC]
    elif platform == "win32":
        candidates = [_WINDOWS]
    else:
        if environment.get("WAYLAND_DISPLAY"):
            candidates.append(_WAYLAND)
        if environment.get("DISPLAY"):
            candidates += _X11
    return next((each for each in candidates if which(each.copying[0])), None)


class ClipboardKeyboard:
    """Stands in for a keyboard where there is none: all that was dictated is on the clipboard.

    Args:
        clipboard: gets the text.
    """

    name = "clipboard"

    def __init__(self, clipboard: Clipboard) -> None:
        self._clipboard = clipboard
        self._text = ""

    def type_text(self, text: str) -> None:
        """Append a text.

        Raises:
            OutputError: the clipboard cannot be used.
        """
        self._text += text
        self._clipboard.copy(self._text)

    def backspace(self, times: int) -> None:
        """Remove characters; the next text, or none, follows at once."""
        self._text = self._text[: len(self._text) - times]
        self._clipboard.copy(self._text)
