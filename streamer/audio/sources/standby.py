"""What a microphone does between a pause and a resume.

    pause -> tail: still recorded -> warm: open, only the newest half second is kept -> closed

The tail is for a key that is released on the last word, the warm time for a start
without the time that a device takes to open, and with what was said just before.
"""

from __future__ import annotations

from collections import deque
from typing import Callable

from streamer.audio.sources.device_stream import DeviceBlock

#: How much of a warm microphone's past a resume includes, in seconds.
PRE_ROLL_SECONDS = 0.5


class Standby:
    """Times of a pause.

    Any thread may call `begin`; the rest belongs to the reading thread.

    Args:
        warm_s: how long the device stays open after the tail, in seconds.
        clock: monotonic, in seconds.
    """

    def __init__(self, warm_s: float, clock: Callable[[], float]) -> None:
        self._warm_s = warm_s
        self._clock = clock
        self._tail_ends_s = 0.0
        self._kept: deque[DeviceBlock] = deque()

    def begin(self, tail_s: float) -> None:
        """Begin a pause whose tail is this long, in seconds."""
        self._tail_ends_s = self._clock() + tail_s

    @property
    def in_tail(self) -> bool:
        """Whether what comes is still part of the stream."""
        return self._clock() < self._tail_ends_s

    @property
    def is_over(self) -> bool:
        """Whether it is time to close the device."""
        return self._clock() >= self._tail_ends_s + self._warm_s

    def keep(self, blocks: list[DeviceBlock], rate_hz: int) -> None:
        """Keep the newest samples; losses before them do not matter."""
        self._kept.extend(DeviceBlock(b.samples, 0) for b in blocks if len(b.samples))
        spare = sum(len(b.samples) for b in self._kept) - round(PRE_ROLL_SECONDS * rate_hz)
        while spare > 0:
            oldest = self._kept.popleft().samples
            if len(oldest) > spare:
                self._kept.appendleft(DeviceBlock(oldest[spare:], 0))
            spare -= len(oldest)

    def release(self) -> list[DeviceBlock]:
        """Return what was kept, and forget it."""
        blocks, self._kept = list(self._kept), deque()
        return blocks


class StartTimer:
    """Measures the time from asking for a device to its first sample.

    Args:
        clock: monotonic, in seconds.

    Attributes:
        seconds: the time, 0 if the sample was older; None before it.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._asked_s = 0.0
        self.seconds: float | None = None

    def ask(self) -> None:
        """Note that the device is asked for."""
        self._asked_s, self.seconds = self._clock(), None

    def arrive(self, age_s: float) -> None:
        """Note the first sample; later ones are ignored.

        Args:
            age_s: how long ago it was recorded, in seconds.
        """
        if self.seconds is None:
            self.seconds = max(0.0, self._clock() - age_s - self._asked_s)
