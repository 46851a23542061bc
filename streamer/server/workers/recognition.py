"""One stream within a worker: its waiting samples, its recogniser, and when it is due."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Callable, Union

from streamer.arrays import FloatArray
from streamer.endpointing.settings import RATE_HZ
from streamer.engine.latency import StreamTiming
from streamer.engine.shared_model import SharedModel
from streamer.events import Event
from streamer.server.workers.messages import (
    Audio,
    EndUtterance,
    Finish,
    Lost,
    Notify,
    Open,
    Progress,
)
from streamer.server.workers.pcm_input import PcmInput

#: Samples recognised before another stream may have its turn: 128 ms, a few milliseconds of work.
STEP_SAMPLES = 2048


@dataclass
class _Block:
    """Samples that wait.

    Attributes:
        samples: float32 (n,), those that are left.
        sent: whether they came with an `Audio` of their own.
        end: position after the last of them.
        arrived: when that arrived; None without real time.
    """

    samples: FloatArray
    sent: bool
    end: int
    arrived: float | None


_Item = Union[_Block, Lost, Notify, EndUtterance, Finish]


class Recognition:
    """A stream in a worker.

    A stream is due when its audio would have been spoken: one that sends a recording as fast as
    it can comes after all that are in real time.

    Args:
        opening: the message that opened it.
        model: makes its recogniser.
        clock: monotonic, in seconds.

    Attributes:
        due: when the next step is due, on the clock.
        finished: whether all events have been made.
    """

    def __init__(
        self, opening: Open, model: SharedModel, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.number = opening.stream
        self.due = clock()
        self.finished = False
        self._clock = clock
        self._timing = StreamTiming(clock)
        self._recogniser = model.new_recogniser(opening.settings, self._timing)
        self._input = PcmInput(opening.format)
        self._waiting: deque[_Item] = deque()
        self._end = 0  # position after the last waiting sample

    @property
    def runnable(self) -> bool:
        """Whether there is something to do."""
        return bool(self._waiting)

    def take(self, message: Audio | Lost | Notify | EndUtterance | Finish) -> None:
        """Queue what was sent.

        Raises:
            AudioError: the samples are not valid audio.
        """
        if not self._waiting:
            self.due = max(self.due, self._clock())
        if isinstance(message, Audio):
            self._queue(self._input.feed(message.data), True, message.arrived)
            return
        if isinstance(message, Lost):
            self._end += message.samples
        elif isinstance(message, Finish):
            self._queue(self._input.finish(), False, None)
        self._waiting.append(message)

    def step(self) -> Progress:
        """Do the next piece of work."""
        began = self._clock()
        before = self._recogniser.position
        with self._timing.computing():
            done, events = self._work()
        audio_s = (self._recogniser.position - before) / RATE_HZ
        self.due += audio_s
        return Progress(self.number, events, done, audio_s, self._clock() - began)

    def _queue(self, samples: FloatArray, sent: bool, arrived: float | None) -> None:
        self._end += len(samples)
        self._waiting.append(_Block(samples, sent, self._end, arrived))

    def _work(self) -> tuple[bool, list[Event]]:
        """Return whether a command is done with, and the events."""
        item = self._waiting[0]
        recogniser = self._recogniser
        if isinstance(item, _Block):
            self._timing.arrival(item.end / RATE_HZ, item.arrived)
            events = recogniser.feed(item.samples[:STEP_SAMPLES])
            item.samples = item.samples[STEP_SAMPLES:]
            if len(item.samples):
                return False, events
            self._waiting.popleft()
            return item.sent, events
        self._waiting.popleft()
        if isinstance(item, Lost):
            return True, recogniser.gap(item.samples)
        if isinstance(item, Notify):
            return True, [recogniser.notice(item.what, item.todo)]
        if isinstance(item, EndUtterance):
            return True, recogniser.end_utterance()
        self.finished = True
        return False, recogniser.finish()
