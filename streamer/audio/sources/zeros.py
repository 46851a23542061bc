"""Microphones that deliver only zeros: muted, or without permission."""

from __future__ import annotations

from streamer.arrays import FloatArray

#: A room is never silent to the last bit. After this time of only zeros the
#: microphone is muted, or not permitted (macOS then delivers zeros).
SILENT_SECONDS = 3.0


class ZeroWatch:
    """Counts the samples since opening as long as all of them are zeros."""

    def __init__(self) -> None:
        self.heard = False
        self._zeros = 0

    def feed(self, samples: FloatArray) -> None:
        """Take samples, float32 (n,)."""
        self.heard = self.heard or bool(samples.any())
        if not self.heard:
            self._zeros += len(samples)

    def lasts(self, seconds: float, rate_hz: int) -> bool:
        """Whether only zeros have come, and for this long."""
        return not self.heard and self._zeros >= seconds * max(rate_hz, 1)
