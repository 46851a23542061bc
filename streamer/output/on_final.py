"""``--on-final COMMAND``: runs a command for each final, with its display on standard input."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from typing import Callable

from streamer.errors import UsageError
from streamer.events import Close, Event, Final
from streamer.output.edit import Edit
from streamer.output.streams import standard_error_descriptor
from streamer.output.worker import DRAIN_LIMIT_S, Worker


class CommandPerFinal:
    """Runs a command for each final, one after the other, in a background thread.

    The command is split as a shell would but run without one, and the text is
    passed on standard input only: no speech can become a command. The command's
    output goes to standard error, since standard output is for transcripts only.
    It runs when the mark after the final is known: when the next utterance begins,
    or the sentence is closed.

    Args:
        command: as typed by the user.
        warn: called once, in the thread, if the command fails.
        marks: whether there are marks to wait for.

    Raises:
        UsageError: the command is empty, badly quoted or not found.
    """

    def __init__(self, command: str, warn: Callable[[str], None], marks: bool = True) -> None:
        self._arguments = split_command(command)
        self._name = os.path.basename(self._arguments[0])
        self._warn = warn
        self._marks = marks
        self._waiting = ""
        self._failures = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._worker: Worker[str] = Worker(
            "on-final",
            self._run,
            on_full=lambda: warn(f"--on-final {self._name} is too slow: some finals are skipped"),
        )

    def write(self, item: Event | Edit) -> None:
        """Queue the command for a final that displays something; returns at once."""
        if isinstance(item, Final):
            self._queue(item.mark)
            self._waiting = item.display.strip()
            if not self._marks:
                self._queue("")
        elif isinstance(item, Close):
            self._queue(item.display)

    @property
    def finals_waiting(self) -> int:
        """How many of the last finals have not been queued."""
        return int(bool(self._waiting))

    def begin_file(self, name: str) -> None:
        """Do nothing: a command gets text only."""

    def close(self, limit_s: float = DRAIN_LIMIT_S) -> None:
        """Wait up to ``limit_s`` seconds for queued commands. May be called twice."""
        self._queue("")
        left = self._worker.close(limit_s)
        if left:
            self._terminate_running()
            self._warn(
                f"--on-final {self._name} has not finished after {limit_s:g} s: {left} skipped"
            )

    def _queue(self, mark: str) -> None:
        text, self._waiting = self._waiting, ""
        if text:
            self._worker.put(text + mark)

    def _run(self, text: str) -> None:
        # Not descriptor 2, which `streamer.audio.native_stderr` may redirect.
        errors = standard_error_descriptor()
        try:
            self._process = subprocess.Popen(
                self._arguments,
                stdin=subprocess.PIPE,
                stdout=errors,
                stderr=errors,
                # Keep Ctrl-C for streamer, which then lets the commands finish.
                start_new_session=True,
            )
        except OSError as error:
            self._report(f"cannot run ({error.strerror or error})")
            return
        # A command may ignore its input: `communicate` does not treat that as an error.
        self._process.communicate((text + "\n").encode("utf-8"))
        if self._process.returncode:
            self._report(f"ended with exit code {self._process.returncode}")

    def _terminate_running(self) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()

    def _report(self, failure: str) -> None:
        self._failures += 1
        if self._failures == 1:
            self._warn(f"--on-final {self._name}: {failure}; further failures are not reported")


def split_command(command: str, option: str = "--on-final") -> list[str]:
    """Split a command line into program and arguments, and check that the program exists.

    Args:
        command: as typed by the user.
        option: where it was typed, for errors.

    Raises:
        UsageError: the command is empty, badly quoted or not found.
    """
    try:
        # Windows paths contain backslashes, which POSIX rules would remove.
        arguments = shlex.split(command, posix=os.name != "nt")
    except ValueError as error:
        raise UsageError(
            f"{option} {command!r} cannot be split ({str(error).lower()})", "close the quotes"
        ) from error
    if not arguments:
        raise UsageError(f"{option} is empty", f"give a command, such as {option} 'cat -n'")
    if shutil.which(arguments[0]) is None:
        raise UsageError(
            f"{option}: no program {arguments[0]!r} found",
            "install it or give its path; for pipes and variables use sh -c '...'",
        )
    return arguments
