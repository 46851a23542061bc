"""A real program in a pseudo-terminal, with an emulated screen (pexpect and pyte)."""

from __future__ import annotations

import json
import os
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable, Union

import pexpect
import pyte

from tests.support.paths import ROOT

#: Guards against hangs only, in seconds.
PATIENCE_S = 90.0

Condition = Union[str, Callable[[], bool]]


class Screen:
    """A terminal of a given size with a program in it.

    Args:
        argv: the program and its arguments.
        columns, rows: the size of the terminal.
        environment: changes to the environment; None removes a variable.
    """

    def __init__(
        self,
        argv: Sequence[str],
        columns: int = 80,
        rows: int = 24,
        environment: dict[str, str | None] | None = None,
    ) -> None:
        self.raw = b""
        self._screen = pyte.HistoryScreen(columns, rows, history=5000, ratio=0.001)
        self._stream = pyte.ByteStream(self._screen)
        self.child = pexpect.spawn(
            argv[0],
            list(argv[1:]),
            dimensions=(rows, columns),
            env=environment_of(environment or {}),
            cwd=str(ROOT),
            timeout=None,
        )
        self.child.delaybeforesend = None

    def pump(self, timeout_s: float = 0.02) -> bool:
        """Process the program's output; return False once it has closed the terminal."""
        try:
            data = self.child.read_nonblocking(1 << 16, timeout=timeout_s)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += data
        self._stream.feed(data)
        return True

    def wait_for(self, condition: Condition) -> None:
        """Wait for a text on the screen, or for a condition."""
        until = time.monotonic() + PATIENCE_S
        while not self._holds(condition):
            alive = self.pump()
            if not alive and self._holds(condition):
                return
            if not alive or time.monotonic() > until:
                what = "ended" if not alive else "waited in vain"
                raise AssertionError(f"{what}: {condition}\n" + "\n".join(self.lines()))

    def _holds(self, condition: Condition) -> bool:
        if callable(condition):
            return condition()
        return any(condition in line for line in self.lines())

    def wait_for_end(self) -> None:
        """Wait until the program has ended and all of its output has been read."""
        until = time.monotonic() + PATIENCE_S
        while self.pump():
            assert time.monotonic() < until, "\n".join(self.lines())
        self.child.wait()

    def lines(self) -> list[str]:
        """Return the rows on the screen, without trailing spaces."""
        return [row.rstrip() for row in self._screen.display]

    def everything(self) -> list[str]:
        """Return the scrollback and the rows on the screen."""
        gone = [
            "".join(row[column].data for column in range(self._screen.columns)).rstrip()
            for row in self._screen.history.top
        ]
        return gone + self.lines()

    def row_of(self, text: str) -> int:
        """Return the number of the first row that contains a text."""
        return next(number for number, line in enumerate(self.lines()) if text in line)

    def style_of(self, text: str) -> pyte.screens.Char:
        """Return the first character of a text on the screen, with its colours."""
        row = self.row_of(text)
        return self._screen.buffer[row][self.lines()[row].index(text)]

    @property
    def cursor_hidden(self) -> bool:
        """Whether the cursor is hidden."""
        return bool(self._screen.cursor.hidden)

    def press(self, keys: str) -> None:
        """Type keys."""
        self.child.send(keys)

    def resize(self, columns: int, rows: int) -> None:
        """Resize the terminal."""
        self._screen.resize(rows, columns)
        self.child.setwinsize(rows, columns)

    def settings(self) -> list[Any]:
        """Return the settings of the terminal (echo, line buffering, special keys)."""
        return termios.tcgetattr(self.child.child_fd)

    def close(self) -> None:
        """Kill whatever is still running."""
        self.child.close(force=True)


class Driver:
    """The driver, with its pipe for orders and its log.

    Args:
        folder: for the pipe and the log.
        options: options of the driver.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self.control = folder / "control"
        self.log = folder / "log"
        os.mkfifo(self.control)
        self.log.touch()
        #: The command that starts the driver.
        self.argv = [
            sys.executable,
            "-m",
            "tests.support.terminal.terminal_driver",
            str(self.control),
            str(self.log),
            *options,
        ]
        # For reading and writing, so that opening does not wait for the driver.
        self._orders = os.open(self.control, os.O_RDWR)

    def order(self, **order: Any) -> None:
        """Send an order, such as ``partial={"text": "hello"}``."""
        for kind, value in order.items():
            os.write(self._orders, (json.dumps({kind: value}) + "\n").encode())

    def did(self, what: str) -> Callable[[], bool]:
        """Return a condition: a key has had this effect."""
        return lambda: what in self.log.read_text(encoding="utf-8").splitlines()

    def logged(self, word: str) -> str:
        """Wait for a line of the log that starts with a word; return the rest of it."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            for line in self.log.read_text(encoding="utf-8").splitlines():
                if line.startswith(word + " "):
                    return line[len(word) + 1 :]
            time.sleep(0.01)
        raise AssertionError(f"no {word!r} in the log of the driver")

    def close(self) -> None:
        """Close the pipe of orders."""
        os.close(self._orders)


def environment_of(changes: dict[str, str | None]) -> dict[str, str]:
    """Return the environment for a program in a terminal, the same on every machine."""
    base: dict[str, str | None] = {
        **os.environ,
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }
    for name in (
        "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "COLORFGBG", "COLORTERM", "TMUX", "STY",
    ):  # fmt: skip
        base[name] = None
    base.update(changes)
    return {name: value for name, value in base.items() if value is not None}
