"""The ring buffer between two threads.

One producer writes, one consumer reads, and neither holds a lock that the
other waits for. The producer announces what it is about to overwrite, writes,
and then announces what is complete; the consumer copies and then checks
whether it was overtaken meanwhile. Lost samples are counted exactly and
reported with the block that follows, so positions stay correct.
"""

from __future__ import annotations

import time
from collections import deque
from typing import NamedTuple

import numpy as np

from streamer.arrays import FloatArray
from streamer.audio.wakeup import Wakeup


class Block(NamedTuple):
    """Samples read from the ring.

    Attributes:
        position: absolute position of the first sample, skipped and lost
            samples included.
        samples: float32 (n,); empty if there was nothing to read.
        lost: samples missing just before ``position``.
    """

    position: int
    samples: FloatArray
    lost: int


class RingBuffer:
    """A preallocated buffer of samples for one producer and one consumer.

    The producer calls `write`, `skip`, `wait_for_room` and `close`, the
    consumer `read` and `wait`. Any thread may read the counters and call
    `close`.

    Args:
        capacity_samples: at least 1.
    """

    def __init__(self, capacity_samples: int) -> None:
        if capacity_samples < 1:
            raise ValueError("a ring buffer holds at least one sample")
        self.capacity = capacity_samples
        self._data: FloatArray = np.zeros(capacity_samples, np.float32)
        # Counts of samples stored, which are also indices modulo the capacity.
        # Each is written by one side only; reading an int is atomic.
        self._claimed = 0  # producer: may be overwriting anything older than this
        self._stored = 0  # producer: complete up to here
        self._taken = 0  # consumer: read or lost up to here
        # Holes: (count of samples stored before it, how many are missing).
        self._holes: deque[tuple[int, int]] = deque()
        self._skipped = 0
        self._position = 0
        self._lost = 0
        self._closed = False
        self._filled = Wakeup()
        self._emptied = Wakeup()

    @property
    def written(self) -> int:
        """Absolute position of the next sample to be written, skipped ones included."""
        return self._stored + self._skipped

    @property
    def available(self) -> int:
        """Number of samples that can be read now."""
        return min(self._stored - self._taken, self.capacity)

    @property
    def lost(self) -> int:
        """Number of samples that the consumer has missed so far, as reported by its blocks."""
        return self._lost

    @property
    def position(self) -> int:
        """Absolute position after everything that was read."""
        return self._position

    @property
    def closed(self) -> bool:
        """Whether the producer is done; there may still be samples to read."""
        return self._closed

    @property
    def finished(self) -> bool:
        """Whether the producer is done and everything has been read."""
        closed = self._closed  # first: what was written before closing is seen below
        return closed and not self._readable

    @property
    def _readable(self) -> bool:
        return self._stored > self._taken or bool(self._holes)

    # Producer

    def write(self, samples: FloatArray) -> None:
        """Append samples, overwriting the oldest if there is no room. Never blocks.

        Args:
            samples: float32 (n,); copied.
        """
        n = len(samples)
        if n == 0:
            return
        end = self._stored + n
        self._claimed = end
        kept = samples[-self.capacity :]
        start = (end - len(kept)) % self.capacity
        first = min(len(kept), self.capacity - start)
        self._data[start : start + first] = kept[:first]
        self._data[: len(kept) - first] = kept[first:]
        self._stored = end
        self._filled.notify()

    def skip(self, samples: int) -> None:
        """Mark a number of samples as missing here. Never blocks.

        The consumer gets them as ``lost`` of the block that follows.
        """
        if samples <= 0:
            return
        self._holes.append((self._stored, samples))
        self._skipped += samples
        self._filled.notify()

    def wait_for_room(self, samples: int, timeout_s: float) -> bool:
        """Wait until a number of samples fits without loss: for producers that can wait.

        Returns:
            Whether there is room; false after the time, or when the ring is closed.

        Raises:
            ValueError: they would not fit even into an empty ring.
        """
        if samples > self.capacity:
            raise ValueError(f"{samples} samples never fit into a ring of {self.capacity}")
        deadline = time.monotonic() + timeout_s
        while not self._closed:
            if self._stored - self._taken + samples <= self.capacity:
                return True
            rest = deadline - time.monotonic()
            if rest <= 0:
                return False
            self._emptied.wait(rest)
        return False

    def close(self) -> None:
        """Declare that nothing more will be written; may be called twice, by any thread."""
        self._closed = True
        self._filled.notify()
        self._emptied.notify()

    # Consumer

    def read(self, max_samples: int) -> Block:
        """Take the oldest samples. Never blocks.

        A block ends before missing samples, so its samples are contiguous and
        ``lost`` is always just before it.

        Args:
            max_samples: at least 1.

        Returns:
            The block; without samples if there are none.
        """
        while True:
            stored = self._stored
            start = max(self._taken, stored - self.capacity)
            end = min(stored, start + max_samples)
            copy = self._copy(start, end)
            if start == end:
                safe = start
                break
            # Drop what the producer may have begun to overwrite meanwhile.
            safe = max(start, self._claimed - self.capacity)
            if safe < end:
                break
        samples = copy[safe - start :]
        lost = safe - self._taken
        while self._holes and self._holes[0][0] <= safe:
            lost += self._holes.popleft()[1]
        if self._holes and self._holes[0][0] < end:
            end = self._holes[0][0]
            samples = samples[: end - safe]
        block = Block(self._position + lost, samples, lost)
        self._position = block.position + len(samples)
        self._lost += lost
        self._taken = end
        self._emptied.notify()
        return block

    def wait(self, timeout_s: float) -> bool:
        """Wait until there is something to read, or the ring is closed.

        Returns:
            Whether there is something to read; false after the time, or when
            the ring is closed and empty.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            closed = self._closed  # before looking: what was written before closing is seen
            if self._readable:
                return True
            rest = deadline - time.monotonic()
            if closed or rest <= 0:
                return False
            self._filled.wait(rest)

    def _copy(self, start: int, end: int) -> FloatArray:
        """Return samples ``start`` to ``end`` as a new array."""
        first = start % self.capacity
        n = end - start
        head = self._data[first : min(first + n, self.capacity)]
        return np.concatenate([head, self._data[: n - len(head)]])
