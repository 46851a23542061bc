"""The newest samples of a stream, by absolute position."""

from __future__ import annotations

import numpy as np

from streamer.arrays import FloatArray


class RecentAudio:
    """Samples that may be needed again, until `forget`."""

    def __init__(self, position: int = 0) -> None:
        self._blocks: list[FloatArray] = []
        self._begin = position
        self._end = position

    @property
    def begin(self) -> int:
        """Absolute position of the oldest sample."""
        return self._begin

    @property
    def end(self) -> int:
        """Absolute position after the newest sample."""
        return self._end

    def reset(self, position: int) -> None:
        """Drop everything; the next sample has this absolute position."""
        self._blocks = []
        self._begin = self._end = position

    def append(self, samples: FloatArray) -> None:
        """Add samples, float32 (n,), without copying them."""
        self._blocks.append(samples)
        self._end += len(samples)

    def append_at(self, position: int, samples: FloatArray, longest_gap: int) -> None:
        """Add samples that begin at an absolute position.

        Args:
            position: where they begin.
            samples: float32 (n,); kept, not copied.
            longest_gap: a gap of up to this many samples before them becomes silence; a longer
                one, or a step back, drops what was before.
        """
        missing = position - self._end
        if not 0 <= missing <= longest_gap:
            self.reset(position)
        elif missing:
            self.append(np.zeros(missing, np.float32))
        self.append(samples)

    def forget(self, before: int) -> None:
        """Drop whole blocks before this position."""
        count, begin = 0, self._begin
        while count < len(self._blocks) and begin + len(self._blocks[count]) <= before:
            begin += len(self._blocks[count])
            count += 1
        if count:
            del self._blocks[:count]
            self._begin = begin

    def since(self, position: int) -> FloatArray:
        """Return a copy of the samples from this position on, or from the oldest one."""
        if not self._blocks:
            return np.zeros(0, np.float32)
        everything = np.concatenate(self._blocks)
        return everything[max(0, position - self._begin) :]

    def between(self, begin: int, end: int) -> FloatArray | None:
        """Return a copy of the samples between two positions; None if some are missing."""
        if begin < self._begin or end > self._end:
            return None
        return self.since(begin)[: end - begin]
