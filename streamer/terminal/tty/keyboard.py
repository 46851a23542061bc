r"""Reading single keys from the terminal, and leaving it as it was.

Signals stay what they are ("cbreak", not "raw"): Ctrl-C, Ctrl-Z and Ctrl-\ reach
the program as before; only echo and waiting for whole lines are switched off.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import sys
import time
from typing import Protocol, TextIO

from streamer.terminal.tty.streams import is_terminal

#: What arrow keys, function keys and Alt send; none of it is a key of ours.
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?", re.DOTALL)


class Keyboard(Protocol):
    """Where keys come from."""

    def enter(self) -> None:
        """Switch echo and line mode off. May be called again after a stop."""

    def leave(self) -> None:
        """Restore the terminal as it was at first. May be called twice."""

    def read(self, timeout_s: float) -> list[str] | None:
        """Return the keys pressed, empty after ``timeout_s`` without any, None at the end."""


def only_keys(text: str) -> list[str]:
    """Return the characters that stand for keys; escape sequences are dropped.

    Enter is a line feed, whether the terminal sends that or a carriage return.
    """
    return list(_SEQUENCE.sub("", text).replace("\r", "\n"))


def open_keyboard(stream: TextIO | None = None) -> Keyboard | None:
    """Return the keyboard behind a stream, None where the stream is no terminal.

    Standard input that is a pipe or a file holds sound or nothing; keys are not
    looked for elsewhere then (``/dev/tty`` may belong to another stage of the
    pipe, a pager for instance).

    Args:
        stream: None for standard input.
    """
    stream = stream if stream is not None else sys.stdin
    if not is_terminal(stream):
        return None
    if sys.platform == "win32":
        return _WindowsKeyboard()
    else:
        return PosixKeyboard(stream.fileno())


if sys.platform == "win32":
    import msvcrt

    #: How often the console is asked for keys, in seconds; it cannot be waited for.
    _POLL_S = 0.05

    class _WindowsKeyboard:
        """The Windows console, which reads single keys without any setting."""

        def enter(self) -> None:
            """Nothing to do: ``getwch`` neither echoes nor waits for a line."""

        def leave(self) -> None:
            """Nothing to do."""

        def read(self, timeout_s: float) -> list[str] | None:
            """Return the keys pressed within ``timeout_s``."""
            until = time.monotonic() + timeout_s
            while not msvcrt.kbhit():
                if time.monotonic() >= until:
                    return []
                time.sleep(_POLL_S)
            key = msvcrt.getwch()
            if key in ("\x00", "\xe0"):  # a function key: its code follows
                msvcrt.getwch()
                return []
            return only_keys(key)

else:
    import select
    import termios

    class PosixKeyboard:
        """A terminal of POSIX.

        Args:
            fd: descriptor of the terminal, open for reading.
        """

        def __init__(self, fd: int) -> None:
            self._fd = fd
            self._before = termios.tcgetattr(fd)
            self._entered = False
            self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

        def enter(self) -> None:
            """Switch echo and line mode off; nothing happens in the background."""
            if not in_foreground(self._fd):
                return  # touching the terminal from there would stop the program
            # Always from the settings at the start: a shell that stopped us may
            # have kept ours, which are not to be restored at the end.
            settings = [*self._before[:6], list(self._before[6])]
            settings[3] &= ~(termios.ECHO | termios.ICANON)
            settings[6][termios.VMIN] = 1
            settings[6][termios.VTIME] = 0
            termios.tcsetattr(self._fd, termios.TCSADRAIN, settings)
            self._entered = True

        def leave(self) -> None:
            """Restore the settings of the start; nothing happens in the background."""
            if not self._entered or not in_foreground(self._fd):
                return  # in the background the shell has made its own settings
            self._entered = False
            with contextlib.suppress(termios.error):  # gone, and its settings with it
                termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)

        def read(self, timeout_s: float) -> list[str] | None:
            """Return the keys pressed; None when the terminal is gone."""
            try:
                ready, _, _ = select.select([self._fd], [], [], timeout_s)
                if not ready:
                    return []
                if not in_foreground(self._fd):
                    time.sleep(timeout_s)  # what is typed now is for the shell
                    return []
                data = os.read(self._fd, 1024)
            except OSError:
                return None
            return only_keys(self._decoder.decode(data)) if data else None


def in_foreground(fd: int) -> bool:
    """Return whether this process may use a terminal now.

    Args:
        fd: descriptor of the terminal.

    Returns:
        False where the shell has put the process in the background; true also
        for a terminal without job control.
    """
    if sys.platform == "win32":
        return True
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return True
