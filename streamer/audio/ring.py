"""The ring buffer between the thread that captures and the one that recognises.

One producer writes, one consumer reads, and neither ever holds a lock the
other waits for: the producer announces what it is about to overwrite, writes,
and then announces what is there; the consumer copies and afterwards looks
whether it was overtaken meanwhile. What it lost is counted to the sample and
reported with the block that follows, so that positions stay true.
"""

from __future__ import annotations

import time
from collections import deque
from typing import NamedTuple

import numpy as np

from streamer.arrays import FloatArray
from streamer.audio.wakeup import Wakeup


class Block(NamedTuple):
    """What the consumer takes out of the ring at once.

    Attributes:
        position: absolute position of the first sample: how many samples were
            written, skipped and lost ones counted in, before it.
        samples: float32 (n,); empty where there was nothing to read.
        lost: samples that are missing just before ``position``.
    """

    position: int
    samples: FloatArray
    lost: int


class RingBuffer:
    """A preallocated buffer of samples for one producer and one consumer.

    The producer calls `write`, `skip`, `wait_for_room` and `close`, the
    consumer `read` and `wait`; anybody may look at the counters, and `close`
    may be called by a third thread.

    Args:
        capacity_samples: how many samples it holds, at least 1.
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
        """The absolute position of the next sample: all that came, and all that was skipped."""
        return self._stored + self._skipped

    @property
    def available(self) -> int:
        """How many samples the consumer could read now."""
        return min(self._stored - self._taken, self.capacity)

    @property
    def lost(self) -> int:
        """How many samples the consumer missed so far, as reported by the blocks it read."""
        return self._lost

    @property
    def position(self) -> int:
        """The absolute position after everything the consumer has read."""
        return self._position

    @property
    def closed(self) -> bool:
        """Whether the producer is done; what it wrote may still be read."""
        return self._closed

    @property
    def finished(self) -> bool:
        """Whether the producer is done and all that it wrote has been read."""
        closed = self._closed  # first: what was written before closing is seen below
        return closed and not self._readable

    @property
    def _readable(self) -> bool:
        return self._stored > self._taken or bool(self._holes)

    # The producer's side

    def write(self, samples: FloatArray) -> None:
        """Append samples; what is oldest goes where there is no room. Never blocks.

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
        """Say that so many samples are missing here; never blocks.

        The consumer gets them as ``lost`` with what is written next.
        """
        if samples <= 0:
            return
        self._holes.append((self._stored, samples))
        self._skipped += samples
        self._filled.notify()

    def wait_for_room(self, samples: int, timeout_s: float) -> bool:
        """Wait until so many samples fit without loss: for producers that can wait.

        Returns:
            Whether there is room; false after the time, and when the ring is closed.

        Raises:
            ValueError: they would not fit into an empty ring either.
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
        """Say that nothing more will be written; may be called twice, by any thread."""
        self._closed = True
        self._filled.notify()
        self._emptied.notify()

    # The consumer's side

    def read(self, max_samples: int) -> Block:
        """Take the oldest samples there are; never blocks.

        A block ends before a hole, so that all of its samples follow each
        other and ``lost`` is always just before it.

        Args:
            max_samples: take so many at most, at least 1.

        Returns:
            The block; without samples where there are none.
        """
        while True:
            stored = self._stored
            start = max(self._taken, stored - self.capacity)
            end = min(stored, start + max_samples)
            copy = self._copy(start, end)
            if start == end:
                safe = start
                break
            # Whatever the producer may have begun to overwrite meanwhile is not trusted.
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
        """Wait until there is something to read or the ring is closed.

        Returns:
            Whether samples or a hole can be read; false after the time, and
            when the ring is closed and empty.
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
        """Samples number ``start`` to ``end`` as a new array."""
        first = start % self.capacity
        n = end - start
        head = self._data[first : min(first + n, self.capacity)]
        return np.concatenate([head, self._data[: n - len(head)]])
