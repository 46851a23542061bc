"""Streams: captured in one thread, recognised in the caller's.

    source --capture thread--> ring buffer --caller's thread--> recogniser --> events

The model is loaded in a third thread while the source opens; samples that come
meanwhile wait in the ring buffer.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from streamer.endpointing.settings import RATE_HZ
from streamer.engine.background import InBackground
from streamer.engine.latency import StreamTiming, TimedModel
from streamer.engine.model_loader import LoadedModel, ModelChoice, load_model
from streamer.engine.settings import RecogniserSettings
from streamer.engine.source_warnings import Backlog, SourceWarnings
from streamer.errors import AudioError, UsageError
from streamer.events import Event

if TYPE_CHECKING:
    from streamer.arrays import FloatArray
    from streamer.audio.capture import Capture, CapturedBlock
    from streamer.audio.sources.source import Source
    from streamer.engine.event_stage import EventStage
    from streamer.engine.recogniser import Recogniser

#: How often `Session.end_utterance` is looked at when no samples come.
IDLE_S = 0.1


class Session:
    """One model and one stream at a time.

    One thread iterates over `run`, or calls `feed` and `finish`; `stop`,
    `pause`, `resume` and `end_utterance` may be called by any thread.

    Args:
        choice: the model.
        settings: of the recogniser.
        stages: through which all events go, in this order.
    """

    def __init__(
        self,
        choice: ModelChoice,
        settings: RecogniserSettings,
        stages: Sequence[EventStage] = (),
    ) -> None:
        self._choice = choice
        self._settings = settings
        self._stages = stages
        self._loading: InBackground[LoadedModel] | None = None
        self._recogniser: Recogniser | None = None
        self._timing = StreamTiming()
        self._capture: Capture | None = None
        self._stop_requested = False
        self._end_requested = False
        self._pause_requested = False
        self._feeding = False
        self._feed_lock = threading.Lock()
        self._runner: _Runner | None = None

    def load(self) -> None:
        """Start loading the model in the background; errors are raised on first use."""
        if self._loading is None:
            self._loading = InBackground(lambda: load_model(self._choice), "load model")
            for stage in self._stages:
                stage.load()

    @property
    def model(self) -> LoadedModel:
        """The model; waits until it is loaded.

        Raises:
            StreamerError: it cannot be loaded.
        """
        self.load()
        assert self._loading is not None
        return self._loading.result()

    @property
    def source(self) -> Source | None:
        """The source of the current stream."""
        return self._capture.source if self._capture else None

    @property
    def position_s(self) -> float:
        """How much of the current stream has been recognised, in seconds."""
        return self._recogniser.position / RATE_HZ if self._recogniser else 0.0

    def close(self) -> None:
        """Close the source; may be called twice."""
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.close()

    def close_stages(self) -> None:
        """Close the stages behind the recogniser; may be called twice."""
        for stage in self._stages:
            stage.close()

    # Streams

    def run(
        self, source: Source, on_open: Callable[[Source], Any] | None, stats: bool | None
    ) -> Generator[Event, None, None]:
        """Recognise a source from its first sample to its last.

        Args:
            source: opened and closed here.
            on_open: called when the source is open, perhaps before the model
                is loaded.
            stats: whether `Stats` come four times a second; None for live
                sources only.

        Raises:
            StreamerError: see `streamer.Transcriber.run`.
            UsageError: another thread uses the session.
        """
        from streamer.audio.capture import Capture

        with self._alone():
            runner = self._runner = _Runner(threading.current_thread())
        self.load()
        self.close()
        self._stop_requested = False
        capture = Capture(source, RATE_HZ, clock=self._timing.clock)
        self._capture = capture
        try:
            with capture:
                if self._stop_requested:
                    capture.stop()
                if on_open is not None:
                    on_open(source)
                if not source.live and not self._wait_for_model():
                    return
                wanted = source.live if stats is None else stats
                recogniser = self._begin_stream(wanted, source.live)
                yield from self._recognise(capture, recogniser, runner)
        finally:
            if self._runner is runner:
                self._runner = None
            if self._capture is capture:
                self._capture = None

    def feed(self, samples: FloatArray) -> list[Event]:
        """Recognise the next samples of a stream that has no source.

        Args:
            samples: float32 (n,) at `RATE_HZ`, full scale 1; kept, not copied.

        Raises:
            UsageError: another thread uses the session.
        """
        with self._alone():
            if not self._feeding:
                self._begin_stream(stats=True, live=False)
                self._feeding = True
            assert self._recogniser is not None
            self._hear(self._recogniser.position, samples)
            with self._timing.computing():
                events = self._recogniser.feed(samples)
            return self._process(events)

    def finish(self) -> list[Event]:
        """End the stream of `feed`; the next `feed` begins a new one."""
        with self._alone():
            if not self._feeding or self._recogniser is None:
                return []
            self._feeding = False
            with self._timing.computing():
                events = self._recogniser.finish()
            return self._process(events, ending=True)

    # From any thread

    def stop(self) -> None:
        """End the current stream; what was captured so far is still recognised."""
        self._stop_requested = True
        capture = self._capture
        if capture is not None:
            capture.stop()

    def pause(self, after_s: float = 0.0) -> None:
        """Pause the source, if it can be paused, and end the utterance then.

        Args:
            after_s: how long the source still records, in seconds.
        """
        pause = getattr(self.source, "pause", None)
        if pause is None:
            self.end_utterance()
            return
        pause(after_s)
        self._pause_requested = True

    def resume(self) -> None:
        """Resume the source."""
        resume = getattr(self.source, "resume", None)
        if resume is not None:
            if self._pause_requested:
                self._pause_requested, self._end_requested = False, True
            resume()

    def end_utterance(self) -> None:
        """End the current utterance after the samples captured so far."""
        self._end_requested = True

    # Inside

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Make sure that no other thread uses the session in this context.

        A stream that the same thread has left unfinished does not count, nor one
        of a thread that has ended.
        """
        if not self._feed_lock.acquire(blocking=False):
            raise _in_use()
        try:
            thread = self._runner.thread if self._runner else threading.current_thread()
            if thread is not threading.current_thread() and thread.is_alive():
                raise _in_use()
            yield
        finally:
            self._feed_lock.release()

    def _wait_for_model(self) -> bool:
        """Wait until the model is loaded; return false if the stream is stopped meanwhile."""
        assert self._loading is not None
        while not self._loading.wait(IDLE_S):
            if self._stop_requested:
                return False
        return True

    def _hear(self, position: int, samples: FloatArray) -> None:
        for stage in self._stages:
            stage.hear(position, samples)

    def _process(self, events: list[Event], ending: bool = False) -> list[Event]:
        """Pass events through all stages, at the end of the stream with what they held back."""
        for stage in self._stages:
            events = stage.process(events)
            if ending:
                events += stage.finish()
        return events

    def _begin_stream(self, stats: bool, live: bool) -> Recogniser:
        from streamer.engine.recogniser import Recogniser

        model = self.model
        stages = model.stages
        settings = replace(self._settings, stats=self._settings.stats and stats)
        self._timing.reset()
        if self._recogniser is None or self._recogniser.settings != settings:
            timed = replace(stages, model=TimedModel(stages.model, self._timing))
            self._recogniser = Recogniser(
                timed, settings, timing=self._timing, text_model=model.text_model
            )
        else:
            self._recogniser.reset()
        self._end_requested = self._pause_requested = False
        self._feeding = False
        for stage in self._stages:
            stage.begin(model.bundle.name, model.text_model, live)
        return self._recogniser

    def _recognise(
        self, capture: Capture, recogniser: Recogniser, runner: _Runner
    ) -> Iterator[Event]:
        """All events of a capture, in good order however it ends."""
        backlog = Backlog()
        warnings = SourceWarnings(capture.source, backlog)
        failure: AudioError | None = None
        try:
            for block in capture.blocks(IDLE_S):
                if self._runner is not runner:
                    return  # the recogniser works on another stream by now
                backlog.update(capture.behind_s)
                self._hear(block.position, block.samples)
                with self._timing.computing():
                    events = self._take(block, recogniser, backlog.worked_off)
                yield from self._process(events)
                if block.lost or not len(block.samples):
                    # Everything before has been recognised.
                    for events in self._device_notices(capture.source, recogniser):
                        yield from self._process(events)
                notices: list[Event] = [recogniser.notice(*warning) for warning in warnings.due()]
                yield from self._process(notices)
        except AudioError as error:
            failure = error
        if self._runner is not runner:
            return
        with self._timing.computing():
            events = recogniser.finish()
        yield from self._process(events, ending=True)
        if failure is not None:
            raise failure

    def _take(self, block: CapturedBlock, recogniser: Recogniser, timed: bool) -> list[Event]:
        """The events of one block; their latency counts only if it is timed."""
        events: list[Event] = []
        if block.lost:
            events += recogniser.gap(block.lost)
        if block.arrived is not None:
            end = block.position + len(block.samples)
            self._timing.arrival(end / RATE_HZ, block.arrived if timed else None)
        events += recogniser.feed(block.samples)
        if self._pause_requested and not len(block.samples) and self._at_rest():
            # Everything before the pause has been recognised.
            self._pause_requested, self._end_requested = False, True
        if self._end_requested:
            self._end_requested = False
            events += recogniser.end_utterance()
        return events

    def _at_rest(self) -> bool:
        return bool(getattr(self.source, "at_rest", True))

    def _device_notices(self, source: Source, recogniser: Recogniser) -> Iterator[list[Event]]:
        """What a live source says about its device; nobody finishes a sentence meanwhile."""
        notices = getattr(source, "notices", ())
        while notices:
            what, todo = notices.popleft()
            with self._timing.computing():
                events = recogniser.end_utterance()
            yield [*events, recogniser.notice(what, todo)]


class _Runner(NamedTuple):
    """Who runs a stream; compared by identity."""

    thread: threading.Thread


def _in_use() -> UsageError:
    return UsageError(
        "the transcriber is already in use by another thread",
        "use one for each thread, or wait until the stream has ended",
    )
