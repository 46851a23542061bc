"""A stand-in for the child that loads Core ML models: it holds Python's lock until it is let go.

coremltools calls Core ML without releasing the lock, so that no other thread of its process runs.

    python -m tests.support.models.held_coreml MODEL COMPILED COMPUTE_UNITS
"""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import sys
from pathlib import Path

#: Guard against hangs only.
LIMIT_MS = 60_000


class _PollFd(ctypes.Structure):
    _fields_ = [("fd", ctypes.c_int), ("events", ctypes.c_short), ("revents", ctypes.c_short)]


def hold(gate: Path, limit_ms: int = LIMIT_MS) -> bool:
    """Hold the lock until something is written into a pipe; return whether it was."""
    descriptor = os.open(gate, os.O_RDWR | os.O_NONBLOCK)
    held_file(gate).touch()
    try:
        waiting = _PollFd(descriptor, select.POLLIN, 0)
        # PyDLL, unlike CDLL, keeps the lock during the call.
        return bool(ctypes.PyDLL(None).poll(ctypes.byref(waiting), 1, limit_ms) > 0)
    finally:
        os.close(descriptor)


def held_file(gate: Path) -> Path:
    """The file that is there once the lock is held."""
    return gate.with_suffix(".held")


def let_go(gate: Path) -> None:
    """Let `hold` return, also one that begins later."""
    descriptor = os.open(gate, os.O_RDWR | os.O_NONBLOCK)
    os.write(descriptor, b"x")


def main() -> None:
    """Hold the lock, then compile by copying, as the stand-in of the tests does."""
    model, compiled = Path(sys.argv[1]), Path(sys.argv[2])
    print("the compiler's own words")
    if not hold(Path(os.environ["HELD_COREML_GATE"])):
        raise TimeoutError("nobody let go")
    compiled.mkdir()
    shutil.copytree(model, compiled / f"source{model.suffix}")


if __name__ == "__main__":
    main()
