"""The thread that moves samples from a source into the ring buffer.

    source.read()  --capture thread-->  ring buffer  --blocks()-->  caller's thread

A live source never waits: where the caller is late, the ring overwrites what
is oldest and says so. A recording waits for room, so that it loses nothing.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Callable, NamedTuple

import numpy as np

from streamer.arrays import FloatArray
from streamer.audio.ring import RingBuffer
from streamer.audio.sources.source import Source

#: Half a minute: longer than any stall of a recogniser that will ever catch up.
RING_SECONDS = 30.0

#: Eight chunks of voice activity. A consumer recognises a whole block before it
#: hands out events, so a longer one would hold them back when it is late.
LARGEST_BLOCK_SECONDS = 0.256

#: How long `Capture.stop` waits for a source that does not answer (a pipe that
#: nobody writes to, a driver that hangs) before it leaves it behind.
STOP_SECONDS = 2.0

_POLL_SECONDS = 0.5

#: Times of arrival that are kept for a consumer that is late: more than there
#: are blocks in a ring.
_MOST_ARRIVALS = 20000


class CapturedBlock(NamedTuple):
    """Samples as the consumer gets them.

    Attributes:
        position: absolute position of the first sample, lost ones counted in.
        samples: float32 (n,) at the rate of the capture.
        lost: samples missing just before ``position``.
        arrived: when the last sample had arrived in this process, on the
            clock given to `Capture`; None where the source is not live.
    """

    position: int
    samples: FloatArray
    lost: int
    arrived: float | None


class Capture:
    """Reads a source in a thread of its own.

        with Capture(source, rate_hz=16000) as capture:
            for block in capture.blocks():
                ...

    One thread (the consumer) opens, iterates and closes; any thread may call
    `stop`, which may be called from a signal handler too. What goes wrong
    with the source is raised by `blocks`, after all samples before it.

    Args:
        source: where the samples come from; opened and closed here.
        rate_hz: the rate at which they are wanted.
        ring_seconds: how far the consumer may be late before samples are lost
            (live), or how far is read ahead (recordings).
        clock: seconds that only ever grow, for times of arrival.
    """

    def __init__(
        self,
        source: Source,
        rate_hz: int = 16000,
        ring_seconds: float = RING_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.source = source
        self.rate_hz = rate_hz
        self._ring = RingBuffer(max(1, round(ring_seconds * rate_hz)))
        self._clock = clock
        # (absolute position after a block, when it arrived), for live sources.
        self._arrivals: deque[tuple[int, float]] = deque(maxlen=_MOST_ARRIVALS)
        self._error: BaseException | None = None
        self._stopping = False
        self._thread: threading.Thread | None = None

    @property
    def written(self) -> int:
        """Absolute position of the next sample to come: how far the world is."""
        return self._ring.written

    @property
    def behind_s(self) -> float:
        """How much audio waits in the ring, in seconds."""
        return self._ring.available / self.rate_hz

    def open(self) -> None:
        """Open the source and start the thread.

        Raises:
            AudioError: the source cannot be opened.
        """
        if self._thread is not None:
            return
        self.source.open(self.rate_hz)
        # A daemon, so that a read that never returns cannot keep the program alive.
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the capture; what has been captured can still be taken from `blocks`.

        Returns at once; may be called by any thread and more than once.
        """
        self._stopping = True
        self.source.stop()

    def close(self) -> None:
        """Stop, and wait until the source is closed; may be called twice."""
        self.stop()
        self._ring.close()  # lets a thread go that waits for room
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def __enter__(self) -> Capture:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def blocks(self, idle_s: float | None = None) -> Iterator[CapturedBlock]:
        """What was captured, in order; ends when the source has ended or was stopped.

        Args:
            idle_s: where given, a block without samples comes after so many
                seconds without any, so that the caller can look about.

        Yields:
            Blocks of 0.256 s at most.

        Raises:
            AudioError: the source failed; all samples before that were yielded.
        """
        largest = max(1, round(LARGEST_BLOCK_SECONDS * self.rate_hz))
        stopped_at: float | None = None
        idle_since = time.monotonic()
        while True:
            if self._ring.wait(_POLL_SECONDS if idle_s is None else min(idle_s, _POLL_SECONDS)):
                block = self._ring.read(largest)
                idle_since = time.monotonic()
                yield CapturedBlock(*block, arrived=self._arrival(block.position, block.samples))
                continue
            if self._ring.finished:
                break
            now = time.monotonic()
            if self._stopping:
                # The source was told; one that does not answer is left behind.
                stopped_at = now if stopped_at is None else stopped_at
                if now - stopped_at > STOP_SECONDS:
                    break
            if idle_s is not None and now - idle_since >= idle_s:
                idle_since = now
                yield CapturedBlock(self._ring.position, np.zeros(0, np.float32), 0, None)
        if self._error is not None:
            raise self._error

    def _arrival(self, position: int, samples: FloatArray) -> float | None:
        """When the last of these samples arrived; forgets what is older."""
        end = position + len(samples)
        while self._arrivals:
            after, arrived = self._arrivals[0]
            if after >= end:
                return arrived
            self._arrivals.popleft()
        return None

    def _run(self) -> None:
        """The capture thread: everything but opening happens to the source here."""
        try:
            self._move_everything()
        except BaseException as error:
            self._error = error
        finally:
            try:
                self.source.close()
            finally:
                self._ring.close()

    def _move_everything(self) -> None:
        live, lost = self.source.live, 0
        while not self._stopping or live:
            samples = self.source.read()
            if self.source.lost > lost:
                self._ring.skip(self.source.lost - lost)
                lost = self.source.lost
            if samples is None:
                return
            if live:
                arrived = self._clock() - self.source.delay_s
                # Before the samples can be seen, so that their time is there when they are.
                self._arrivals.append((self._ring.written + len(samples), arrived))
                self._ring.write(samples)
            elif not self._write_patiently(samples):
                return

    def _write_patiently(self, samples: FloatArray) -> bool:
        """Write when there is room; false when the capture was stopped meanwhile."""
        piece = max(1, self._ring.capacity // 2)
        for start in range(0, len(samples), piece):
            part = samples[start : start + piece]
            while not self._ring.wait_for_room(len(part), _POLL_SECONDS):
                if self._stopping:
                    return False
            self._ring.write(part)
        return True
