"""A clock that goes on while the machine sleeps."""

from __future__ import annotations

import sys
import time


def boottime() -> float:
    """Return monotonic seconds, time asleep included.

    `time.monotonic` stands still during sleep on Linux and macOS, so it would
    hide how much of a stream is missing afterwards.
    """
    if sys.platform.startswith("linux"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":  # this clock includes sleep there, time.monotonic does not
        return time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.monotonic()
