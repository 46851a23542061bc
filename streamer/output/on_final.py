"""``--on-final COMMAND``: a command for each final, with its text on standard input."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from typing import Callable

from streamer.errors import UsageError
from streamer.events import Event, Final
from streamer.output.edit import Edit
from streamer.output.worker import Worker

#: How long the end of the program waits for commands that are still to run.
DRAIN_LIMIT_S = 30.0


class CommandPerFinal:
    """Runs a command for each final, one after the other, in a thread of its own.

    The command is split as a shell would split it but run without one, and the
    text reaches it only on standard input: nothing that is said can become a
    command. What the command prints goes to standard error, because standard
    output holds transcripts and nothing else.

    Args:
        command: as typed by the user.
        warn: told, once, that the command failed. Called in the thread.

    Raises:
        UsageError: the command is empty, is not well quoted or is not found.
    """

    def __init__(self, command: str, warn: Callable[[str], None]) -> None:
        self._arguments = split_command(command)
        self._name = os.path.basename(self._arguments[0])
        self._warn = warn
        self._failures = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._worker: Worker[str] = Worker(
            "on-final",
            self._run,
            on_full=lambda: warn(f"--on-final {self._name} is too slow: some finals are left out"),
        )

    def write(self, item: Event | Edit) -> None:
        """Have the command run for a final that has words; returns at once."""
        if isinstance(item, Final) and item.text.strip():
            self._worker.put(item.text)

    def close(self, limit_s: float = DRAIN_LIMIT_S) -> None:
        """Wait for the commands still to run, for a limited time. May be called twice."""
        left = self._worker.close(limit_s)
        if left:
            self._end_what_runs()
            self._warn(f"--on-final {self._name} was not done after {limit_s:g} s: {left} left out")

    def _run(self, text: str) -> None:
        # Where Python's standard error leads; number 2 may be hidden (audio.native_stderr).
        errors = standard_error()
        try:
            self._process = subprocess.Popen(
                self._arguments,
                stdin=subprocess.PIPE,
                stdout=errors,
                stderr=errors,
                # Ctrl-C is for streamer, which then lets the commands finish.
                start_new_session=True,
            )
        except OSError as error:
            self._fail(f"cannot run ({error.strerror or error})")
            return
        # A command that does not read all of its input is no failure: communicate allows it.
        self._process.communicate((text + "\n").encode("utf-8"))
        if self._process.returncode:
            self._fail(f"ended with exit code {self._process.returncode}")

    def _end_what_runs(self) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()

    def _fail(self, how: str) -> None:
        self._failures += 1
        if self._failures == 1:
            self._warn(f"--on-final {self._name}: {how}; further failures are not reported")


def split_command(command: str) -> list[str]:
    """Split a command line into program and arguments and see that the program is there.

    Raises:
        UsageError: the command is empty, is not well quoted or is not found.
    """
    try:
        # Windows paths hold backslashes, which POSIX rules would eat.
        arguments = shlex.split(command, posix=os.name != "nt")
    except ValueError as error:
        raise UsageError(
            f"--on-final {command!r} cannot be split ({str(error).lower()})", "close the quotes"
        ) from error
    if not arguments:
        raise UsageError("--on-final is empty", "give a command, such as --on-final 'cat -n'")
    if shutil.which(arguments[0]) is None:
        raise UsageError(
            f"--on-final: there is no program {arguments[0]!r}",
            "install it or name it with its path; for pipes and variables use sh -c '...'",
        )
    return arguments


def standard_error() -> int:
    """Return the descriptor of standard error; that of the null device where there is none."""
    try:
        return sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        return subprocess.DEVNULL
