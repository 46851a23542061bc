"""The side of ``streamer start|stop|toggle|status``: few imports, since a key waits for it."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from streamer.control.address import not_running, socket_path

#: Commands that a key binding sends.
KEY_COMMANDS = ("start", "stop", "toggle")
#: An instance that answers later hangs, in seconds.
_ANSWER_S = 5.0
#: How often a follower looks for an instance, in seconds.
_LOOK_S = 1.0


def send(command: str, path: Path | None = None) -> dict[str, Any]:
    """Send a command and return the status after it.

    Raises:
        StreamerError: no instance is running, or it does not answer.
    """
    for line in _lines(command, path, _ANSWER_S):
        answer: dict[str, Any] = json.loads(line)
        return answer
    raise not_running()


def follow(path: Path | None = None, sleep: Any = time.sleep) -> Iterator[dict[str, Any] | None]:
    """Yield each new status, and None whenever no instance is running; without end."""
    running: bool | None = None
    while True:
        with contextlib.suppress(Exception):
            for line in _lines("follow", path, None):
                running = True
                yield json.loads(line)
        if running is not False:
            running = False
            yield None
        sleep(_LOOK_S)


def sleep_while_read(seconds: float) -> None:
    """Sleep, but no longer than somebody reads standard output.

    Raises:
        BrokenPipeError: its reader is gone.
    """
    if sys.platform == "win32":
        time.sleep(seconds)
        return
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # errors and hang-ups only
    if poll.poll(seconds * 1000):
        raise BrokenPipeError


def _lines(command: str, path: Path | None, timeout_s: float | None) -> Iterator[bytes]:
    if not hasattr(socket, "AF_UNIX"):
        raise not_running()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        try:
            connection.connect(str(socket_path() if path is None else path))
            connection.sendall(command.encode() + b"\n")
            with connection.makefile("rb") as lines:
                yield from lines
        except OSError as error:
            raise not_running() from error


def run_key_command(arguments: list[str]) -> int | None:
    """Run ``start``, ``stop`` or ``toggle`` and return the exit code.

    Returns:
        None if the command line is another: then it is the usual way's.
    """
    if len(arguments) != 1 or arguments[0] not in KEY_COMMANDS:
        return None
    from streamer.errors import StreamerError

    try:
        send(arguments[0])
    except StreamerError as error:
        if sys.stderr is not None:
            print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0
