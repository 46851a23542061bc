"""Latency of words from the microphone to the screen."""

from __future__ import annotations

from collections import deque

from streamer.percentiles import percentile

#: How many of the latest values count: about three minutes of speech.
REMEMBERED = 512


class LatencyLog:
    """Adds the time until a frame is drawn to the latency of each event.

    Times are given by the caller, in seconds of any one clock.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[float, float]] = []
        self._latencies_ms: deque[float] = deque(maxlen=REMEMBERED)

    def received(self, latency_ms: float | None, now: float) -> None:
        """Note an event whose words are not on the screen yet; None is ignored."""
        if latency_ms is not None:
            self._waiting.append((latency_ms, now))

    def drawn(self, now: float) -> None:
        """Note that everything received so far is on the screen."""
        for latency_ms, then in self._waiting:
            self._latencies_ms.append(latency_ms + (now - then) * 1000)
        self._waiting.clear()

    def percentile(self, percent: float) -> float | None:
        """Return a percentile in ms (nearest rank), None before the first frame with words."""
        return percentile(self._latencies_ms, percent)
