"""Standard output and error, named pipes, and what a stream allows."""

from __future__ import annotations

import errno
import io
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, TextIO

#: A reader that takes nothing for this long after the end was requested is given up.
STALLED_SECONDS = 0.5

_POLL_SECONDS = 0.1


class ReaderStalledError(BrokenPipeError):
    """The reader of an output takes nothing, and the program shall end."""


class InterruptibleOutput(io.TextIOBase):
    """An output whose writes do not outlast a request to end.

    A plain write blocks while the reader of a full pipe reads nothing, and goes
    on blocking after a signal. This one waits until there is room. It has no
    buffer: what was written is with the reader.

    Args:
        descriptor: to write to.
        ending: whether the program shall end.
        clock: monotonic, in seconds.
        owned: whether `close` closes the descriptor.
    """

    encoding = "utf-8"

    def __init__(
        self,
        descriptor: int,
        ending: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
        owned: bool = False,
    ) -> None:
        self._owned = owned
        self._descriptor = descriptor
        self._ending = ending
        self._clock = clock
        self._stalled = False

    def write(self, text: str) -> int:
        """Write a text.

        Raises:
            ReaderStalledError: the reader took nothing for a while although the
                program shall end, or did not before.
            BrokenPipeError: the reader is gone.
        """
        data = memoryview(text.encode("utf-8", "backslashreplace"))
        while data:
            self._wait_for_room()
            # If there is any room in a pipe, there is room for this much.
            data = data[os.write(self._descriptor, data[: select.PIPE_BUF]) :]
        return len(text)

    def close(self) -> None:
        """Close the descriptor, if it is owned. May be called twice."""
        if self._owned and not self.closed:
            self._owned = False
            os.close(self._descriptor)
        super().close()

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return os.isatty(self._descriptor)

    def _wait_for_room(self) -> None:
        since: float | None = None
        while not select.select([], [self._descriptor], [], 0 if self._stalled else _POLL_SECONDS)[
            1
        ]:
            if not self._ending():
                continue
            since = self._clock() if since is None else since
            if self._stalled or self._clock() - since >= STALLED_SECONDS:
                self._stalled = True
                raise ReaderStalledError


def open_named_pipe(path: Path, ending: Callable[[], bool]) -> InterruptibleOutput:
    """Open a named pipe as soon as somebody reads it.

    Args:
        path: the pipe.
        ending: whether the program shall end; it is not waited for a reader then.

    Raises:
        ReaderStalledError: nobody reads it, and the program shall end.
        OSError: it cannot be opened.
    """
    while True:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
        else:
            os.set_blocking(descriptor, True)
            return InterruptibleOutput(descriptor, ending, owned=True)
        if ending():
            raise ReaderStalledError
        time.sleep(_POLL_SECONDS)


def standard_output(ending: Callable[[], bool] | None = None) -> TextIO:
    """Return standard output, set to UTF-8 and plain newlines whatever the locale.

    Data must be the same under every locale and platform; an ASCII locale must
    not end a transcript with an encoding error.

    Args:
        ending: whether the program shall end; a write that blocks is given up
            then (`InterruptibleOutput`). None for one that blocks as long as it must.
    """
    stream = sys.stdout
    if ending is not None and os.name == "posix":
        try:
            descriptor = stream.fileno()
        except (AttributeError, OSError, ValueError):
            pass  # an object in memory
        else:
            stream.flush()
            return InterruptibleOutput(descriptor, ending)  # type: ignore[return-value]
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")
    return stream


def standard_error_descriptor() -> int:
    """Return the file descriptor of standard error, or of the null device without one."""
    try:
        return sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        return subprocess.DEVNULL


def write_now(stream: TextIO, text: str) -> None:
    """Write a text and flush; do nothing for an empty one."""
    if text:
        stream.write(text)
        stream.flush()


def can_erase(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that can erase what is on a line.

    The stream itself decides, never FORCE_COLOR and similar variables.
    """
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
