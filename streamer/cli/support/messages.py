"""Messages for the user: lines on standard error."""

from __future__ import annotations

import sys

from streamer.cli import first_frame
from streamer.printable import printable


def say(line: str) -> None:
    """Print a line on standard error, if there is one."""
    first_frame.erase()
    if sys.stderr is not None:
        print(printable(line), file=sys.stderr, flush=True)


def echo(line: object = "", err: bool = False) -> None:
    """Print a line of a command's answer, on standard output or standard error."""
    stream = sys.stderr if err else sys.stdout
    first_frame.erase()
    if stream is not None:
        cells = str(line).split("\t")  # tables for other programs
        print("\t".join(printable(cell) for cell in cells), file=stream, flush=True)


def warn(line: str) -> None:
    """Print a warning on standard error."""
    say(f"warning: {line}")


def say_error(message: str) -> None:
    """Print an error as one line on standard error, whatever its encoding."""
    line = f"error: {' '.join(message.split())}"
    try:
        say(line)
    except UnicodeEncodeError:  # a terminal limited to ASCII
        say(line.encode("ascii", "backslashreplace").decode())
