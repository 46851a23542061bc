"""Memory use of this process."""

from __future__ import annotations

import mmap
import sys
from pathlib import Path
from typing import Optional


def peak_memory_mb() -> Optional[float]:
    """Return the peak resident memory in megabytes (10^6 bytes); None if unknown."""
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


#: What to do where memory is short.
MORE_MEMORY = "close other programs, or raise the limit (ulimit -v)"

#: What libraries say instead of raising a MemoryError.
_SAYINGS = ("can't start new thread", "bad alloc", "bad_alloc", "cannot allocate memory",
            "failed to allocate", "not enough memory", "failed to map segment",
            "without setting an exception")  # fmt: skip


#: Address space that every command takes for its libraries (measured: 250 to 300 MB).
_LIBRARIES_BYTES = 320 * 2**20


def check_room_for_libraries() -> None:
    """Try whether the limit of address space leaves room for NumPy and its like.

    Where it does not, an import fails with whatever was just being loaded: an ImportError, a
    missing library, a signal, or a crash.

    Raises:
        MemoryError: the room is not there.
    """
    try:
        mmap.mmap(-1, _LIBRARIES_BYTES).close()
    except OSError as error:
        raise MemoryError from error


def is_out_of_memory(error: Optional[BaseException]) -> bool:
    """Whether an error, or what caused it, is that memory is short."""
    while error is not None:
        text = str(error).lower()
        if isinstance(error, MemoryError) or any(saying in text for saying in _SAYINGS):
            return True
        error = error.__cause__ or error.__context__
    return False


def resident_parts_mb() -> Optional[tuple[float, float]]:
    """Return the resident memory in megabytes: private, and pages of mapped files.

    The pages of files (the scorer, libraries, the cache) are shared with all processes that map
    them, and the system may drop them at any time. None where the system does not tell.
    """
    try:
        lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    sizes = {fields[0]: fields[1] for fields in map(str.split, lines) if len(fields) == 3}
    try:
        resident, private = (int(sizes[name]) * 1024 / 1e6 for name in ("Rss:", "Anonymous:"))
    except (KeyError, ValueError):
        return None
    return private, resident - private
