r"""Reading single keys from the terminal.

The terminal is in "cbreak" mode, not "raw": echo and line buffering are off, but
Ctrl-C, Ctrl-Z and Ctrl-\ still send signals.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
import time
from typing import Protocol, TextIO

from streamer.terminal.tty.keys import KeyParser
from streamer.terminal.tty.streams import is_terminal


class Keyboard(Protocol):
    """A source of single keys."""

    def enter(self) -> None:
        """Turn off echo and line buffering. May be called again after a stop."""

    def leave(self) -> None:
        """Restore the original settings. May be called twice."""

    def read(self, timeout_s: float) -> list[str] | None:
        """Return the keys pressed; empty after ``timeout_s`` without any, None at the end.

        See `streamer.terminal.tty.keys` for their names.
        """


def open_keyboard(stream: TextIO | None = None) -> Keyboard | None:
    """Return the keyboard behind a stream, None if the stream is not a terminal.

    ``/dev/tty`` is not used instead: it may belong to another program of the
    pipe, such as a pager.

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

    #: Interval between polls of the console, which cannot be waited for, in seconds.
    _POLL_S = 0.05
    #: Codes of the keys for moving.
    _CODES = {"H": "up", "P": "down", "K": "left", "M": "right", "G": "home", "O": "end",
              "S": "delete", "s": "ctrl-left", "t": "ctrl-right"}  # fmt: skip

    class _WindowsKeyboard:
        """The Windows console, which needs no settings for single keys."""

        def enter(self) -> None:
            """Do nothing: ``getwch`` neither echoes nor waits for a line."""

        def leave(self) -> None:
            """Do nothing."""

        def read(self, timeout_s: float) -> list[str] | None:
            """Return the keys pressed within ``timeout_s``."""
            until = time.monotonic() + timeout_s
            while not msvcrt.kbhit():
                if time.monotonic() >= until:
                    return []
                time.sleep(_POLL_S)
            key = msvcrt.getwch()
            if key in ("\x00", "\xe0"):  # a function key: its code follows
                name = _CODES.get(msvcrt.getwch())
                return [] if name is None else [name]
            return ["escape"] if key == "\x1b" else [key.replace("\r", "\n")]

else:
    import select
    import termios

    class PosixKeyboard:
        """A POSIX terminal.

        Args:
            fd: descriptor of the terminal, open for reading.
        """

        def __init__(self, fd: int) -> None:
            self._fd = fd
            self._before = termios.tcgetattr(fd)
            self._entered = False
            self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
            self._parser = KeyParser()

        def enter(self) -> None:
            """Turn off echo and line buffering, unless in the background."""
            if not in_foreground(self._fd):
                return  # changing settings from there would stop the process
            # Always derived from the original settings: after a stop, the shell may
            # have kept ours, which must not be restored at the end.
            settings = [*self._before[:6], list(self._before[6])]
            settings[3] &= ~(termios.ECHO | termios.ICANON)
            settings[6][termios.VMIN] = 1
            settings[6][termios.VTIME] = 0
            termios.tcsetattr(self._fd, termios.TCSADRAIN, settings)
            self._entered = True

        def leave(self) -> None:
            """Restore the original settings, unless in the background."""
            if not self._entered or not in_foreground(self._fd):
                return  # in the background, the shell has set its own
            self._entered = False
            with contextlib.suppress(termios.error):  # the terminal is gone
                termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)

        def read(self, timeout_s: float) -> list[str] | None:
            """Return the keys pressed; None if the terminal is gone."""
            try:
                ready, _, _ = select.select([self._fd], [], [], timeout_s)
                if not ready:
                    return self._parser.flush()
                if not in_foreground(self._fd):
                    time.sleep(timeout_s)  # keys are for the shell now
                    return []
                data = os.read(self._fd, 1024)
            except OSError:
                return None
            return self._parser.feed(self._decoder.decode(data)) if data else None


def in_foreground(fd: int) -> bool:
    """Return whether this process may use a terminal now.

    Args:
        fd: descriptor of the terminal.

    Returns:
        False if the shell has put the process in the background; true for a
        terminal without job control.
    """
    if sys.platform == "win32":
        return True
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return True
