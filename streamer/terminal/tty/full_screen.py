"""A program that takes the whole terminal: alternate screen, single keys, no cursor."""

from __future__ import annotations

import contextlib
import os

from streamer.terminal.tty.job_control import JobControl
from streamer.terminal.tty.keyboard import Keyboard
from streamer.terminal.tty.restorer import TtyRestorer

_ENTER = "\x1b[?1049h\x1b[?25l"
_LEAVE = "\x1b[?25h\x1b[?1049l"


class FullScreen:
    """The alternate screen, until the end of a ``with`` block or of the program.

    Ctrl-Z gives the terminal back until ``fg``. A program that is killed leaves it as it was.

    Args:
        keyboard: where keys come from.
        fd: descriptor of the terminal.

    Attributes:
        erased: whether the screen is empty, at first and after a stop; set it to False
            once something is drawn.
    """

    def __init__(self, keyboard: Keyboard, fd: int) -> None:
        self._keyboard = keyboard
        self._fd = fd
        self._job_control = JobControl(self._leave, self._enter, lambda: None)
        self._restorer: TtyRestorer | None = None
        self.erased = True

    def __enter__(self) -> FullScreen:
        self._restorer = TtyRestorer(self._fd, _LEAVE)
        try:
            self._enter()
            self._restorer.watch()
            self._job_control.install()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._job_control.uninstall()
        self._leave()
        if self._restorer is not None:
            self._restorer.dismiss()

    def write(self, text: str) -> None:
        """Write to the terminal, unless it is gone."""
        data = text.encode("utf-8", "replace")
        with contextlib.suppress(OSError):
            while data:
                data = data[os.write(self._fd, data) :]

    def _enter(self) -> None:
        self._keyboard.enter()
        self.write(_ENTER)
        self.erased = True

    def _leave(self) -> None:
        self.write(_LEAVE)
        self._keyboard.leave()
