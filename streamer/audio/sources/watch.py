"""Tells whether the program itself was stopped for a while.

After Ctrl-Z and ``fg``, SIGSTOP, a paused container or a sleeping machine, a
device seems to have been silent; in truth nobody listened.
"""

from __future__ import annotations

import time
from typing import Callable, NamedTuple

from streamer.audio.boottime import boottime

#: A watcher that looks ten times a second was stopped if it did not run for this long.
STOP_SECONDS = 0.75

#: A stopped program uses no processor. One that merely waits for its own
#: computing (a library that holds the GIL) uses more than this share of the time.
_STOPPED_CPU_SHARE = 0.2

#: No tick counts for more when a device's silence is measured.
_LONGEST_TICK_SECONDS = 0.2


class Stop(NamedTuple):
    """A time in which the program did not run, in seconds of the clock."""

    start_s: float
    end_s: float


class Watch:
    """Measures time as a thread sees it that calls `tick` about ten times a second.

    Args:
        clock: monotonic, time asleep included, in seconds.
        cpu_clock: processor time of the whole process, in seconds.

    Attributes:
        ran_s: time that was watched, stops left out.
    """

    def __init__(
        self,
        clock: Callable[[], float] = boottime,
        cpu_clock: Callable[[], float] = time.process_time,
    ) -> None:
        self._clock = clock
        self._cpu_clock = cpu_clock
        self.ran_s = 0.0
        self.restart()

    def restart(self) -> None:
        """Leave out the time since the last tick: the thread was busy elsewhere."""
        self._last_s, self._last_cpu_s = self._clock(), self._cpu_clock()

    def tick(self) -> Stop | None:
        """Note that the thread runs; return the stop since the last tick, if there was one."""
        before_s, cpu_before_s = self._last_s, self._last_cpu_s
        self.restart()
        passed_s = self._last_s - before_s
        self.ran_s += min(passed_s, _LONGEST_TICK_SECONDS)
        used_s = self._last_cpu_s - cpu_before_s
        if passed_s < STOP_SECONDS or used_s > _STOPPED_CPU_SHARE * passed_s:
            return None
        return Stop(before_s, self._last_s)
