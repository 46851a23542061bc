"""Messages for the user: lines on standard error."""

from __future__ import annotations

import sys


def say(line: str) -> None:
    """Print a line on standard error, if there is one."""
    if sys.stderr is not None:
        print(line, file=sys.stderr, flush=True)


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
