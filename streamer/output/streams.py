"""Standard output and error, and what a stream allows."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TextIO


def standard_output() -> TextIO:
    """Return standard output, set to UTF-8 and plain newlines whatever the locale.

    Data must be the same under every locale and platform; an ASCII locale must
    not end a transcript with an encoding error.
    """
    stream = sys.stdout
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
