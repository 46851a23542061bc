"""Finals wait for a second opinion while everything else goes on.

    events --> partials, figures: at once
           --> finals, closes, gaps: in order, each final when the engine has answered

A final that the engine does not answer in time keeps our words. The next utterance is
recognised meanwhile: its partials may come before the final of the one before.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Callable, NamedTuple

from streamer.arrays import FloatArray
from streamer.endpointing.settings import RATE_HZ
from streamer.engine.recent_audio import RecentAudio
from streamer.errors import UsageError
from streamer.events import Close, Event, Final, Gap, Notice
from streamer.finals.process import EngineProcess, Request
from streamer.finals.writing import FinalWriter, spoken_words
from streamer.text.model import TextModel
from streamer.text.options import WritingOptions

#: How long a final waits with a microphone, in seconds: longer, and one goes on without it.
TIMEOUT_S = 1.5
#: With recordings, which can wait: an engine that takes longer has hung, in seconds.
PATIENT_TIMEOUT_S = 60.0
#: With recordings: how long an engine may take to load, in seconds.
LOADING_S = 120.0
#: Audio kept besides the longest utterance, in seconds.
_SPARE_S = 10.0
#: A gap up to this length is kept as silence; a longer one drops what was before, in seconds.
_LONGEST_GAP_S = 60.0
#: An engine that says this many times our words, and some, repeats itself.
_MOST_WORDS_RATIO, _MORE_WORDS = 3, 10


class _Waiting(NamedTuple):
    """An event in the queue.

    Attributes:
        event: a final, or what comes after one.
        request: of a final; None of others.
        since: when it was queued, on the clock.
    """

    event: Event
    request: Request | None
    since: float


class SecondOpinion:
    """Holds finals back until another engine has transcribed them too.

    Args:
        engine: transcribes utterances.
        options: what is written.
        timeout_s: how long a final waits; None for `TIMEOUT_S` with a live source and
            `PATIENT_TIMEOUT_S` with a recording, counted from when the engine begins.
        longest_s: longest utterance, in seconds.
        clock: monotonic, in seconds.

    Raises:
        UsageError: the time limit is not positive.
    """

    def __init__(
        self,
        engine: EngineProcess,
        options: WritingOptions,
        timeout_s: float | None = None,
        longest_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if timeout_s is not None and not timeout_s > 0:
            raise UsageError("--finals-timeout is not positive", "give seconds, such as 1.5")
        self._engine = engine
        self._options = options
        self._timeout_s = timeout_s
        self._kept = round((longest_s + _SPARE_S) * RATE_HZ)
        self._clock = clock
        self.begin("", None, True)

    def load(self) -> None:
        """Start the engine's process, in the background."""
        self._engine.start()

    def close(self) -> None:
        """End the engine's process; may be called twice."""
        self._engine.close()

    def begin(self, own_name: str, text_model: TextModel | None, live: bool) -> None:
        """Begin a new stream.

        Args:
            own_name: of our model.
            text_model: of its language; None if it has none.
            live: whether samples come in real time.
        """
        self._live = live
        self._writer = FinalWriter(self._engine.choice.name, own_name, text_model, self._options)
        self._audio = RecentAudio()
        self._queue: deque[_Waiting] = deque()
        self._seq = 0
        self._reported: set[str] = set()

    def hear(self, position: int, samples: FloatArray) -> None:
        """Keep samples for the utterances that they belong to.

        Args:
            position: absolute position of the first one.
            samples: float32 (n,); kept, not copied.
        """
        self._audio.append_at(position, samples, round(_LONGEST_GAP_S * RATE_HZ))
        self._audio.forget(position - self._kept)

    def process(self, events: Sequence[Event]) -> list[Event]:
        """Take the next events and return those that are due; waits only with recordings."""
        due: list[Event] = []
        for event in events:
            if isinstance(event, Final):
                begin, end = round(event.start * RATE_HZ), round(event.end * RATE_HZ)
                samples = self._audio.between(begin, end)
                request = None if samples is None else self._engine.submit(samples)
                self._queue.append(_Waiting(event, request, self._clock()))
                if not self._live:
                    due += self._release(wait=True)
            elif self._queue and isinstance(event, (Close, Gap)):
                self._queue.append(_Waiting(event, None, self._clock()))
            else:
                due.append(self._pass_on(event))
        return due + self._release(wait=False)

    def finish(self) -> list[Event]:
        """Wait for the last finals, each as long as it may take, and return them."""
        return self._release(wait=True)

    def _release(self, wait: bool) -> list[Event]:
        """Return events from the head of the queue, as far as they are due."""
        due: list[Event] = []
        while self._queue:
            waiting = self._queue[0]
            request = waiting.request
            if request is not None and not request.done.is_set():
                left_s = self._patience_s(waiting.since, request, wait)
                if wait:
                    request.done.wait(max(0.0, left_s))
                elif left_s > 0:
                    return due
            self._queue.popleft()
            due += self._answered(waiting)
        return due

    def _patience_s(self, since: float, request: Request, wait: bool) -> float:
        """Return how long a request may still take, in seconds."""
        if self._live:
            return since + (self._timeout_s or TIMEOUT_S) - self._clock()
        if wait:
            request.begun.wait(LOADING_S)
        return self._timeout_s or PATIENT_TIMEOUT_S

    def _answered(self, waiting: _Waiting) -> list[Event]:
        """Return the event, with what the engine said; a notice if that is missing."""
        event, request = waiting.event, waiting.request
        if not isinstance(event, Final):
            return [self._pass_on(event)]
        said = None
        wrong, todo = "", "our words stand"
        if request is not None:
            said = request.said
            if not request.done.is_set():
                request.abandoned = True
                wrong, todo = "is late", f"{todo}; use a smaller model, or a longer time limit"
            elif request.failure:
                wrong = f"failed: {request.failure}"
            elif said is not None and _is_babble(said.text, event.text):
                said = None
        final = self._writer.final(event, said)
        if final.latency_ms is not None:
            waited_ms = (self._clock() - waiting.since) * 1000
            final = replace(final, latency_ms=final.latency_ms + waited_ms)
        numbered = [self._number(final)]
        if wrong and wrong not in self._reported:
            self._reported.add(wrong)
            what = f"--finals {self._engine.choice.name} {wrong}"
            numbered.append(self._number(Notice(0, event.end, what, todo)))
        return numbered

    def _pass_on(self, event: Event) -> Event:
        if isinstance(event, Close):
            event = self._writer.close(event)
        return self._number(event)

    def _number(self, event: Event) -> Event:
        """Number an event: some come in another order than they were made."""
        self._seq += 1
        return replace(event, seq=self._seq - 1)


def _is_babble(text: str, ours: str) -> bool:
    """Whether an engine repeats itself, as Whisper may after a noise."""
    return len(spoken_words(text)) > _MOST_WORDS_RATIO * len(ours.split()) + _MORE_WORDS
