"""The thread that moves samples from a source into a ring buffer.

    source.read()  --capture thread-->  ring buffer  --blocks()-->  caller's thread

A live source never waits: if the caller is late, the ring overwrites the oldest
samples and reports the loss. A recording waits for room and loses nothing.
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

#: Longer than any stall from which a recogniser can catch up.
RING_SECONDS = 30.0

#: Eight chunks of voice activity. A consumer recognises a whole block before it
#: hands out events, so a longer one would hold them back when it is late.
LARGEST_BLOCK_SECONDS = 0.256

#: How long to wait for a source that does not react to `stop` (a pipe without a
#: writer, a driver that hangs) before giving it up.
STOP_SECONDS = 2.0

#: A recording is read ahead of the recogniser. When it is stopped, what was read is
#: handed out for no longer than this: all that a pipe in real time has.
_READ_AHEAD_SECONDS = 0.25

_POLL_SECONDS = 0.5

#: Arrival times kept for a consumer that is late: more than there are blocks in a ring.
_MOST_ARRIVALS = 20000


class CapturedBlock(NamedTuple):
    """Samples for the consumer.

    Attributes:
        position: absolute position of the first sample, lost samples included.
        samples: float32 (n,) at the rate of the capture.
        lost: samples missing just before ``position``.
        arrived: when the last sample arrived in this process, on the clock
            given to `Capture`; None if the source is not live.
    """

    position: int
    samples: FloatArray
    lost: int
    arrived: float | None


class Capture:
    """Reads a source in a background thread.

        with Capture(source, rate_hz=16000) as capture:
            for block in capture.blocks():
                ...

    One thread (the consumer) opens, iterates and closes; any thread or signal
    handler may call `stop`. Errors of the source are raised by `blocks`, after
    all samples before them.

    Args:
        source: opened and closed here.
        rate_hz: sample rate of the blocks.
        ring_seconds: how late the consumer may be before samples are lost
            (live), or how far to read ahead (recordings).
        clock: monotonic, in seconds, for arrival times.
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
        """Absolute position of the next sample to be captured."""
        return self._ring.written

    @property
    def behind_s(self) -> float:
        """Length of the audio waiting in the ring, in seconds."""
        return self._ring.available / self.rate_hz

    def open(self) -> None:
        """Open the source and start the thread.

        Raises:
            AudioError: the source cannot be opened.
        """
        if self._thread is not None:
            return
        self.source.open(self.rate_hz)
        # A daemon: a read that never returns must not keep the program alive.
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the capture; samples captured so far still come from `blocks`.

        Of a recording that was read far ahead, only the next come.
        Returns at once; may be called twice, by any thread.
        """
        self._stopping = True
        self.source.stop()

    def close(self) -> None:
        """Stop and wait until the source is closed; may be called twice."""
        self.stop()
        self._ring.close()  # releases a thread that waits for room
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def __enter__(self) -> Capture:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def blocks(self, idle_s: float | None = None) -> Iterator[CapturedBlock]:
        """Iterate over the captured samples until the source ends or is stopped.

        Args:
            idle_s: yield an empty block whenever nothing came for this long,
                so that the caller can do other things; None for never.

        Yields:
            Blocks of 0.256 s at most.

        Raises:
            AudioError: the source failed; all samples before that have been yielded.
        """
        largest = max(1, round(LARGEST_BLOCK_SECONDS * self.rate_hz))
        stopped_at: float | None = None
        idle_since = time.monotonic()
        while True:
            if self._stopping and stopped_at is None:
                stopped_at = time.monotonic()
            if stopped_at is None or self.source.live:
                pass
            elif time.monotonic() - stopped_at > _READ_AHEAD_SECONDS:
                return
            if self._ring.wait(_POLL_SECONDS if idle_s is None else min(idle_s, _POLL_SECONDS)):
                block = self._ring.read(largest)
                idle_since = time.monotonic()
                yield CapturedBlock(*block, arrived=self._arrival(block.position, block.samples))
                continue
            if self._ring.finished:
                break
            now = time.monotonic()
            if stopped_at is not None and now - stopped_at > STOP_SECONDS:
                break  # give up on a source that does not react
            if idle_s is not None and now - idle_since >= idle_s:
                idle_since = now
                yield CapturedBlock(self._ring.position, np.zeros(0, np.float32), 0, None)
        if self._error is not None:
            raise self._error

    def _arrival(self, position: int, samples: FloatArray) -> float | None:
        """Return when the last of these samples arrived, and forget older times."""
        end = position + len(samples)
        while self._arrivals:
            after, arrived = self._arrivals[0]
            if after >= end:
                return arrived
            self._arrivals.popleft()
        return None

    def _run(self) -> None:
        """Run the capture thread: read the source, then close it."""
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
                # Before the samples: whoever reads them needs their time.
                self._arrivals.append((self._ring.written + len(samples), arrived))
                self._ring.write(samples)
            elif not self._write_patiently(samples):
                return

    def _write_patiently(self, samples: FloatArray) -> bool:
        """Write when there is room; return false if the capture was stopped meanwhile."""
        piece = max(1, self._ring.capacity // 2)
        for start in range(0, len(samples), piece):
            part = samples[start : start + piece]
            while not self._ring.wait_for_room(len(part), _POLL_SECONDS):
                if self._stopping:
                    return False
            self._ring.write(part)
        return True
