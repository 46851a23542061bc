"""``--pipe COMMAND``: sends each final through a filter, and shows what comes back."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from dataclasses import replace
from typing import Callable

from streamer.events import Event, Final
from streamer.output.on_final import split_command
from streamer.output.streams import standard_error_descriptor

#: How long a filter may take for one final, in seconds.
FILTER_LIMIT_S = 2.0
#: A filter that is too slow so many times in a row is not asked any more.
_MOST_TIMEOUTS = 3


class Filter:
    """Replaces the display of each final by the output of a command.

    The command is split as a shell would but run without one. It gets the display on standard
    input, without the mark that ends it, and its output in one line is displayed instead. Where it
    fails or takes too long, the final stands as it was. `filter` waits for the command; samples
    that arrive meanwhile are kept.

    Args:
        command: as typed by the user.
        warn: called once, if the command fails.
        limit_s: see `FILTER_LIMIT_S`.

    Raises:
        UsageError: the command is empty, badly quoted or not found.
    """

    def __init__(
        self, command: str, warn: Callable[[str], None], limit_s: float = FILTER_LIMIT_S
    ) -> None:
        self._arguments = split_command(command, "--pipe")
        self._name = os.path.basename(self._arguments[0])
        self._warn = warn
        self._limit_s = limit_s
        self._warned = False
        self._timeouts = 0

    def filter(self, event: Event) -> Event:
        """Return an event; a final with the display that the command makes of it."""
        if not isinstance(event, Final) or not event.display.strip():
            return event
        if self._timeouts >= _MOST_TIMEOUTS:
            return event
        output = self._run(event.display)
        return event if output is None else replace(event, display=output)

    def _run(self, text: str) -> str | None:
        """Return what the command makes of a text, None if it fails."""
        try:
            process = subprocess.Popen(
                self._arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # Not descriptor 2, which `streamer.audio.native_stderr` may redirect.
                stderr=standard_error_descriptor(),
                # Its children end with it, and Ctrl-C is streamer's.
                start_new_session=True,
            )
        except OSError as error:
            self._fail(f"cannot run ({error.strerror or error})")
            return None
        try:
            output, _ = process.communicate((text + "\n").encode("utf-8"), self._limit_s)
        except subprocess.TimeoutExpired:
            _kill(process)
            self._timeouts += 1
            self._fail(f"has not answered within {self._limit_s:g} s")
            return None
        except BaseException:
            _kill(process)
            raise
        if process.returncode:
            self._fail(f"ended with exit code {process.returncode}")
            return None
        self._timeouts = 0
        return " ".join(output.decode("utf-8", "replace").split())

    def _fail(self, what: str) -> None:
        if not self._warned:
            self._warned = True
            self._warn(
                f"--pipe {self._name} {what}; the text stands as it was,"
                " further failures are not reported"
            )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a command with its children, and collect it."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    with contextlib.suppress(OSError, ValueError):
        process.communicate()
