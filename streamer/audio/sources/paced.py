"""A recording at the pace of a microphone."""

from __future__ import annotations

import time
from typing import Callable

from streamer.arrays import FloatArray
from streamer.audio.sources.source import Source
from streamer.audio.wakeup import Wakeup

#: Typical block length of a microphone.
PIECE_SECONDS = 0.02

#: A reader that is later than this was stopped (Ctrl-Z, sleep), and the recording with it.
STOPPED_SECONDS = 2.0


class Paced:
    """Returns another source's samples no earlier than a microphone would.

    Time starts at the first `read`. A reader that is late gets what it missed
    at once, as from a driver's buffer; the pace follows the clock and never
    drifts. After a stop of the program the recording goes on where it was.

    Args:
        source: a source that is not live.
        clock: monotonic, in seconds.
        sleep: waits for a number of seconds, or until `stop` is called; None
            for waiting in real time.
    """

    live = True
    lost = 0

    def __init__(
        self,
        source: Source,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._source = source
        self._clock = clock
        self._stopped = False
        self._wakeup = Wakeup()
        self._sleep = self._wakeup.wait if sleep is None else sleep
        self._rate_hz = 0
        self._began: float | None = None
        self._block: FloatArray | None = None
        self._handed_out = 0
        self.delay_s = 0.0

    @property
    def name(self) -> str:
        """Name of the other source."""
        return self._source.name

    @property
    def seconds(self) -> float | None:
        """Length of the other source."""
        return self._source.seconds

    @property
    def remark(self) -> str:
        """What the user should know about the samples of the other source."""
        return str(getattr(self._source, "remark", ""))

    def open(self, rate_hz: int) -> None:
        """Open the other source."""
        self._source.open(rate_hz)
        self._rate_hz = rate_hz
        self._began, self._block, self._handed_out = None, None, 0
        self._stopped = False

    def read(self) -> FloatArray | None:
        """Return the next 20 ms when their last sample is due; None at the end."""
        if self._stopped:
            return None
        if self._began is None:
            self._began = self._clock()
        if self._block is None or not len(self._block):
            self._block = self._source.read()
            if self._block is None:
                return None
        n = round(PIECE_SECONDS * self._rate_hz)
        piece, self._block = self._block[:n], self._block[n:]
        self._handed_out += len(piece)
        due = self._began + self._handed_out / self._rate_hz
        early_s = due - self._clock()
        if early_s < -STOPPED_SECONDS:
            self._began -= early_s
            due -= early_s
        if early_s > 0:
            self._sleep(early_s)
            if self._stopped:
                return None  # not due yet
        # For latency, a late sample counts from when it was due.
        self.delay_s = max(0.0, self._clock() - due)
        return piece

    def stop(self) -> None:
        """Make `read` reach its end at once; may be called by any thread."""
        self._stopped = True
        self._wakeup.notify()
        self._source.stop()

    def close(self) -> None:
        """Close the other source; may be called twice."""
        self._source.close()
