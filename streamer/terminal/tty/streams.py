"""Text streams and the terminals behind them."""

from __future__ import annotations

import os
from typing import TextIO


def descriptor(stream: TextIO) -> int | None:
    """Return a stream's file descriptor; None if it has none."""
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):  # closed, or replaced by an object in memory
        return None


def is_terminal(stream: TextIO) -> bool:
    """Return whether a stream is a terminal.

    The operating system decides, never Rich: FORCE_COLOR makes Rich treat a pipe
    as a terminal.
    """
    fd = descriptor(stream)
    return fd is not None and os.isatty(fd)
