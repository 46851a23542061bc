"""Silence C libraries that write to standard error.

libmpg123 (inside libsndfile) complains about each frame of a damaged MP3 file,
ALSA and PortAudio about every missing device. They have no switch for it, and
their lines would break up the live view. So while a command runs, file
descriptor 2 is the null device and `sys.stderr` a copy of the real one.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO


@contextlib.contextmanager
def native_messages_hidden() -> Iterator[None]:
    """Hide what C code of this process writes to standard error.

    `sys.stderr` keeps its target. A child process inherits the silence unless
    it is given ``stderr=sys.stderr``. Does nothing if standard error is closed
    or not a file.
    """
    before = sys.stderr
    try:
        real = os.dup(2)
    except OSError:
        yield
        return
    try:
        is_real = before is not None and before.fileno() == 2
    except (OSError, ValueError, AttributeError):  # replaced by something that is not a file
        is_real = False
    if not is_real:
        os.close(real)
        yield
        return
    before.flush()
    copy: TextIO = os.fdopen(
        real, "w", buffering=1, encoding=before.encoding, errors=before.errors, newline=None
    )
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    sys.stderr = copy
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):
            copy.flush()
        os.dup2(copy.fileno(), 2)
        if sys.stderr is copy:
            sys.stderr = before
