"""The last samples of a stream, found by their absolute position."""

from __future__ import annotations

import numpy as np

from streamer.arrays import FloatArray


class RecentAudio:
    """Keeps the samples that may be needed again.

    What is before the last `forget` is gone; all else is kept.
    """

    def __init__(self, position: int = 0) -> None:
        self._blocks: list[FloatArray] = []
        self._begin = position
        self._end = position

    @property
    def begin(self) -> int:
        """Absolute position of the oldest sample kept."""
        return self._begin

    @property
    def end(self) -> int:
        """Absolute position after the newest sample."""
        return self._end

    def reset(self, position: int) -> None:
        """Drop everything; the next sample has this position."""
        self._blocks = []
        self._begin = self._end = position

    def append(self, samples: FloatArray) -> None:
        """Add samples, float32 (n,), which are not copied."""
        self._blocks.append(samples)
        self._end += len(samples)

    def forget(self, before: int) -> None:
        """Drop whole blocks that lie before this position."""
        count, begin = 0, self._begin
        while count < len(self._blocks) and begin + len(self._blocks[count]) <= before:
            begin += len(self._blocks[count])
            count += 1
        if count:
            del self._blocks[:count]
            self._begin = begin

    def since(self, position: int) -> FloatArray:
        """Return a copy of the samples from this position on, as far as they are kept."""
        if not self._blocks:
            return np.zeros(0, np.float32)
        everything = np.concatenate(self._blocks)
        return everything[max(0, position - self._begin) :]
