"""Memory use of this process."""

from __future__ import annotations

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
