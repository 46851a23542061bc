"""A program in a pseudo-terminal of its own, under a small shell with job control (Linux).

The shell is a process forked from this one: it owns the terminal, runs the program in the
foreground, notices when it stops and brings it back, as an interactive shell does.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from typing import Callable

import pyte

#: How often a condition is looked at, in seconds.
POLL_S = 0.004
#: Rows that only the live view draws, and the progress bar.
_OURS = ("▕", "▏", "loading the model")


class Job:
    """The program and its terminal.

    Args:
        argv: the program and its arguments.
        environment: its environment; SIGNALS_RUN in it names the run, children inherit it.
        piped: whether standard output is a pipe that is read here.
        fed: what standard input holds before it stays open; None for the terminal.

    Attributes:
        raw: what has come from the terminal and the pipe.
        code: exit code once it has ended, negative for a signal.
        faults: how the terminal differed from what it was while the program was stopped.
    """

    def __init__(
        self, argv: Sequence[str], environment: Mapping[str, str], piped: bool, fed: bytes | None
    ) -> None:
        self.raw = b""
        self.code = 0
        self.faults: list[str] = []
        self._mark = f"SIGNALS_RUN={environment['SIGNALS_RUN']}".encode()
        self._master, self._slave = os.openpty()
        self.resize(80, 24)
        self._settings = termios.tcgetattr(self._slave)
        self._ended = self._stopped = self._holds = False
        self._end_input_at: float | None = None
        self._output, output = os.pipe() if piped else (-1, -1)
        source, self._input = os.pipe() if fed is not None else (-1, -1)
        if fed is not None:
            os.write(self._input, fed)
        self._news, news = os.pipe()
        orders, self._orders = os.pipe()
        executed, begun = os.pipe()
        self._shell = os.fork()
        if self._shell == 0:
            streams = (source if fed is not None else self._slave, output if piped else self._slave)
            ours = (self._master, self._output, self._input, self._news, self._orders)
            _be_the_shell(self._slave, streams, ours, argv, environment, news, orders, begun)
        for descriptor in (output, source, news, orders, begun):
            if descriptor >= 0:
                os.close(descriptor)
        self.pid = int(self._line())
        os.read(executed, 1)  # ends when the program has begun
        os.close(executed)
        self._before_s = self._scheduled_s()
        self._terminal = b""

    def _line(self) -> str:
        text = b""
        while not text.endswith(b"\n"):
            text += os.read(self._news, 1) or b"\n"
        return text.decode().strip()

    def _scheduled_s(self) -> float:
        try:
            with open(f"/proc/{self.pid}/schedstat", encoding="ascii") as file:
                return int(file.read().split()[0]) / 1e9
        except (OSError, IndexError):
            return 0.0

    def cpu_s(self) -> float:
        """Return the processor time of the main thread since the program began, in seconds."""
        return max(0.0, self._scheduled_s() - self._before_s)

    def run_until(self, condition: Callable[[], bool], limit_s: float) -> bool:
        """Read what it prints until a condition holds; return False if that never came."""
        until = time.monotonic() + limit_s
        while not self._ended:
            if condition():
                return True
            if time.monotonic() > until:
                return False
            self._read(POLL_S)
        return False

    def run_for(self, seconds: float) -> bool:
        """Read what it prints for some time; return whether it still runs."""
        until = time.monotonic() + seconds
        self.run_until(lambda: time.monotonic() >= until, seconds + 1)
        return not self._ended

    def wait(self, limit_s: float) -> bool:
        """Wait for the end; return False if that took too long."""
        self.run_until(lambda: False, limit_s)
        return self._ended

    def _read(self, timeout_s: float) -> None:
        if self._end_input_at is not None and time.monotonic() >= self._end_input_at:
            self._close_input()
        sources = [fd for fd in (self._master, self._output, self._news) if fd >= 0]
        for fd in select.select(sources, [], [], timeout_s)[0]:
            if fd == self._news:
                self._take_news()
                continue
            data = b""
            with contextlib.suppress(OSError):
                data = os.read(fd, 1 << 16)
            self.raw += data
            if fd == self._master:
                self._terminal += data
            elif not data:
                self.close_reader()

    def _take_news(self) -> None:
        word, _, status = self._line().partition(" ")
        if word == "stopped":
            self._stopped = True
            if not self._holds:
                self._continue()
        else:
            self._ended = True
            self.code = int(status or -signal.SIGKILL)

    def _continue(self) -> None:
        self._stopped = False
        if self._master >= 0:
            self.faults += [f"while stopped: {fault}" for fault in self.terminal_faults()]
        os.write(self._orders, b".")

    def hold(self) -> None:
        """Leave the program in the background when it stops, until `bring_back`."""
        self._holds = True

    def bring_back(self) -> None:
        """Continue the program in the foreground, now or when it stops."""
        self._holds = False
        if self._stopped:
            self._continue()

    def send(self, number: int) -> None:
        """Send a signal."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def press(self, key: bytes) -> None:
        """Press a key."""
        os.write(self._master, key)

    def in_foreground(self) -> bool:
        """Return whether keys go to the program."""
        with contextlib.suppress(OSError):
            return os.tcgetpgrp(self._slave) == self.pid
        return False

    def resize(self, columns: int, rows: int) -> None:
        """Resize the terminal."""
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def close_reader(self) -> None:
        """Close the reading end of standard output."""
        if self._output >= 0:
            os.close(self._output)
            self._output = -1

    def end_input(self, after_s: float = 0.0) -> None:
        """End standard input, if it is a pipe."""
        self._end_input_at = time.monotonic() + after_s

    def _close_input(self) -> None:
        self._end_input_at = None
        if self._input >= 0:
            os.close(self._input)
            self._input = -1

    def hang_up(self) -> None:
        """Close the terminal, as when its window is closed."""
        for descriptor in (self._master, self._slave):
            os.close(descriptor)
        self._master = self._slave = -1

    def left_behind(self, limit_s: float) -> list[str]:
        """Return the command lines of processes that stay after the end."""
        until = time.monotonic() + limit_s
        while True:
            left = dict(self._marked())
            if not left or time.monotonic() > until:
                return list(left.values())
            self._read(0.02)

    def _marked(self) -> list[tuple[int, str]]:
        found = []
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            with contextlib.suppress(OSError):
                with open(f"/proc/{name}/environ", "rb") as file:
                    if self._mark not in file.read().split(b"\0"):
                        continue
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    command = file.read().replace(b"\0", b" ").decode(errors="replace")
                found.append((int(name), command[:100]))
        return found

    def terminal_faults(self) -> list[str]:
        """Return how the terminal differs from what it was; empty if it does not."""
        while select.select([self._master], [], [], 0)[0]:
            self._read(0)
        faults = []
        if termios.tcgetattr(self._slave) != self._settings:
            faults.append("settings of the terminal")
        screen = pyte.Screen(80, 24)
        pyte.ByteStream(screen).feed(self._terminal)
        if screen.cursor.hidden:
            faults.append("hidden cursor")
        if self._terminal.rfind(b"\x1b[?1049h") > self._terminal.rfind(b"\x1b[?1049l"):
            faults.append("alternate screen")
        rows = [row for row in screen.display if any(sign in row for sign in _OURS)]
        if rows:
            faults.append(f"left on the screen: {rows[0].strip()}")
        return faults

    def printed(self) -> str:
        """Return what has come from the terminal and the pipe."""
        return self.raw.decode(errors="replace")

    def close(self) -> None:
        """Kill what still runs and free the terminal."""
        for pid, _ in self._marked():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self.close_reader()
        self._close_input()
        for descriptor in (self._orders, self._news, self._master, self._slave):
            if descriptor >= 0:
                os.close(descriptor)
        os.waitpid(self._shell, 0)


def _be_the_shell(
    terminal: int,
    streams: tuple[int, int],
    others: Sequence[int],
    argv: Sequence[str],
    environment: Mapping[str, str],
    news: int,
    orders: int,
    begun: int,
) -> None:
    """Run the program in the foreground; never returns."""
    try:
        os.setsid()
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        for descriptor in others:
            if descriptor >= 0:
                os.close(descriptor)
        for number in (signal.SIGTTOU, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
            signal.signal(number, signal.SIG_IGN)
        pid = os.fork()
        if pid == 0:
            _be_the_program(terminal, streams, argv, environment)
        # As shells do when their terminal is gone.
        signal.signal(signal.SIGHUP, lambda *_: os.killpg(pid, signal.SIGHUP))
        os.close(begun)
        for descriptor in streams:
            if descriptor != terminal:
                os.close(descriptor)
        os.write(news, f"{pid}\n".encode())
        while True:
            _, status = os.waitpid(pid, os.WUNTRACED)
            with contextlib.suppress(OSError):
                os.tcsetpgrp(terminal, os.getpgrp())
            if not os.WIFSTOPPED(status):
                signalled = os.WIFSIGNALED(status)
                code = -os.WTERMSIG(status) if signalled else os.WEXITSTATUS(status)
                os.write(news, f"ended {code}\n".encode())
                break
            os.write(news, b"stopped\n")
            os.read(orders, 1)
            with contextlib.suppress(OSError):
                os.tcsetpgrp(terminal, pid)
            os.killpg(pid, signal.SIGCONT)
        os.read(orders, 1)  # the terminal is ours until the end is judged
    finally:
        os._exit(0)


def _be_the_program(
    terminal: int, streams: tuple[int, int], argv: Sequence[str], environment: Mapping[str, str]
) -> None:
    """Replace this process by the program; never returns."""
    try:
        os.setpgid(0, 0)
        os.tcsetpgrp(terminal, os.getpid())
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for descriptor, stream in enumerate((*streams, terminal)):
            os.dup2(stream, descriptor, inheritable=True)
        for number in signal.valid_signals():
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_DFL)
        os.execvpe(argv[0], list(argv), dict(environment))
    finally:
        os._exit(127)
