"""How much of a device's sound is missing, by the clock.

A device delivers a second of sound a second. When its blocks stop for a while
and come again, the clock tells how much is missing: sound that the sound
system kept comes late but complete, in a burst; sound that it did not keep
never comes. Time is a parameter here.

What is missing is known as exactly as blocks come on time, a few milliseconds
on an idle machine. If nothing is missing, positions are exact to the sample.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from streamer.audio.sources.watch import Stop

#: Blocks come every 20 ms. Later than this, something may be missing.
BREAK_SECONDS = 0.5

#: After a break, blocks that were kept come in a burst. It is over when for this
#: long none came earlier, by the clock, than those before.
SETTLE_SECONDS = 0.3

#: Smaller changes of lateness are no burst.
_REST_SECONDS = 0.01

#: A device that never comes to rest is taken as it is after this time.
_SETTLE_LIMIT_SECONDS = 5.0

#: Blocks before a break, for how late they usually are.
_RECENT_SECONDS = 3.0

#: Lateness varies by this much on a busy machine; a smaller loss is none.
TOLERANCE_SECONDS = 0.04


class Missing(NamedTuple):
    """What is missing at a break, in seconds.

    Attributes:
        gap_s: length of the gap.
        late_s: how much of it was received nevertheless, recorded while the
            program was stopped: to be dropped after the break.
    """

    gap_s: float
    late_s: float


class Timeline:
    """Compares sound received with a clock. Times are in seconds of that clock."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew: the time until the next block is not part of the stream."""
        self._received_s = 0.0  # gaps included
        self._last_s: float | None = None  # the last block
        self._recent: deque[tuple[float, float]] = deque()  # (time, lateness)
        self._stops: list[Stop] = []
        self._usual_s: float | None = None  # lateness before the break
        self._earliest_s = 0.0  # least lateness since the break
        self._broke_s = 0.0  # last block before the break
        self._resumed_s: float | None = None  # first block after it
        self._improved_s = 0.0  # when a burst was last seen to go on
        self._mark_s = 0.0  # the lateness then
        self.broken = False

    def anchor(self, now_s: float) -> None:
        """Count from now what is missing before the first block."""
        if self._last_s is None:
            self._last_s = now_s
            self._recent.append((now_s, now_s - self._received_s))

    def stopped(self, stop: Stop) -> None:
        """Note that the program did not run."""
        if self._last_s is not None:
            self._stops.append(stop)

    def break_off(self, now_s: float) -> None:
        """Note that the device was lost; what comes next, perhaps from another, follows a break."""
        self.anchor(now_s)
        if not self.broken:
            self._begin_break()

    def arrive(self, now_s: float, seconds: float) -> bool:
        """Note the arrival of a block.

        Args:
            now_s: when it came.
            seconds: its length, losses reported by the device included.

        Returns:
            Whether a break begins before it.
        """
        begins = False
        if self._last_s is not None and now_s - self._last_s > BREAK_SECONDS:
            begins = not self.broken
            if begins:
                self._begin_break()
            self._improved_s = now_s
        self._received_s += seconds
        self._last_s = now_s
        late_s = now_s - self._received_s
        if self.broken:
            if self._resumed_s is None:
                self._resumed_s = now_s - seconds
                self._earliest_s = self._mark_s = late_s
                self._improved_s = now_s
            self._earliest_s = min(late_s, self._earliest_s)
            if late_s < self._mark_s - _REST_SECONDS:
                self._improved_s, self._mark_s = now_s, late_s
        else:
            self._recent.append((now_s, late_s))
            while self._recent[0][0] < now_s - _RECENT_SECONDS:
                self._recent.popleft()
            # A stop that no break followed cost nothing.
            self._stops = [stop for stop in self._stops if stop.end_s > now_s - BREAK_SECONDS]
        return begins

    def settled(self, now_s: float) -> bool:
        """Whether it is known by now what is missing at the break."""
        if not self.broken or self._resumed_s is None or self._last_s is None:
            return False
        return (
            self._last_s - self._improved_s >= SETTLE_SECONDS
            or now_s - self._resumed_s >= _SETTLE_LIMIT_SECONDS
        )

    def settle(self) -> Missing:
        """End the break and return what is missing."""
        assert self.broken
        self.broken = False
        if self._resumed_s is None or self._usual_s is None:
            return Missing(0.0, 0.0)
        lost_s = self._earliest_s - self._usual_s
        if lost_s < TOLERANCE_SECONDS:
            lost_s = 0.0
        stopped_s = sum(
            max(0.0, min(stop.end_s, self._resumed_s) - max(stop.start_s, self._broke_s))
            for stop in self._stops
        )
        gap_s = max(lost_s, stopped_s)
        # What was received is in _received_s already, dropped or not.
        self._received_s += lost_s
        assert self._last_s is not None
        self._recent.clear()
        self._recent.append((self._last_s, self._earliest_s - lost_s))
        self._stops = []
        return Missing(gap_s, gap_s - lost_s)

    def _begin_break(self) -> None:
        assert self._last_s is not None
        self.broken = True
        self._usual_s = min((late_s for _, late_s in self._recent), default=None)
        self._broke_s, self._resumed_s = self._last_s, None
