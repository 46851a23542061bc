"""The Python API: microphone, recordings or samples in, events out.

    from streamer import Transcriber

    with Transcriber() as t:
        for event in t.listen():
            print(event)

The capture has a thread of its own; everything else happens in the thread that
iterates over the events. The model is loaded in the background while the
microphone opens: what is said meanwhile waits in the ring buffer.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
)

from streamer.engine.background import InBackground
from streamer.engine.latency import Durations, TimedModel
from streamer.engine.model_loader import LoadedModel, ModelChoice, load_model
from streamer.errors import AudioError, UsageError
from streamer.events import Event, Final, Partial, Stats

if TYPE_CHECKING:
    from streamer.arrays import FloatArray
    from streamer.audio.capture import Capture, CapturedBlock
    from streamer.audio.sources.source import Source
    from streamer.decoding import UserWord
    from streamer.endpointing.settings import EndpointSettings
    from streamer.engine.recogniser import Recogniser


#: The rate of the recogniser; capture can begin before the model is there.
RATE_HZ = 16000

#: The recogniser gets so much at a time, so that no event waits for the
#: samples after it.
PIECE_SAMPLES = 4096

#: How often requests (pause, end of utterance) are looked at when nothing comes.
IDLE_S = 0.1

#: A recogniser this far behind the microphone is worth a warning.
BEHIND_S = 3.0


@dataclass(frozen=True)
class About:
    """What a transcriber works with, for people.

    Attributes:
        device: name of the microphone or the recording.
        rate_hz: the rate at which it delivers.
        model: name of the bundle.
        backend: ``coreml``, ``onnx`` or ``numpy``.
        compute_unit: where the network runs.
        decoder: name of the decoder.
        compiled: folder of the compiled network that Core ML runs, None elsewhere.
    """

    device: str
    rate_hz: int
    model: str
    backend: str
    compute_unit: str
    decoder: str
    compiled: Path | None = None


class Transcriber:
    """Turns speech into events.

    Not to be used by two threads at once; only `stop`, `pause`, `resume` and
    `end_utterance` may be called from anywhere while another thread iterates.

    Args:
        model: name of a model or folder of a bundle.
        backend: ``auto``, ``coreml``, ``onnx`` or ``numpy``.
        decoder: ``auto``, ``beam``, ``ds`` or ``greedy``.
        beam: hypotheses that the decoder keeps; None for the model's default.
        device: microphone, by number, name or part of it; None for the default.
        compute_units: for Core ML: ``CPU_ONLY``, ``CPU_AND_GPU``,
            ``CPU_AND_NE`` or ``ALL``; None for the default.
        user_words: words to add to the vocabulary or to make likelier.
        hints: the same for words that the decoder may leave out where it cannot
            take them.
        endpoints: where utterances begin and end; None for the defaults.
        one_utterance: every stream is one utterance, without voice activity.
        partials: whether utterances still being said are reported.
        stats: whether `Stats` come four times a second when listening.
    """

    def __init__(
        self,
        model: str | Path = "english",
        backend: str = "auto",
        decoder: str = "auto",
        beam: int | None = None,
        device: int | str | None = None,
        *,
        compute_units: str | None = None,
        user_words: Sequence[UserWord] = (),
        hints: Sequence[UserWord] = (),
        endpoints: EndpointSettings | None = None,
        one_utterance: bool = False,
        partials: bool = True,
        stats: bool = True,
    ) -> None:
        self._choice = ModelChoice(model, backend, decoder, beam, compute_units, user_words, hints)
        self._device = device
        self._endpoints = endpoints
        self._one_utterance = one_utterance
        self._partials = partials
        self._stats = stats
        self._loading: InBackground[LoadedModel] | None = None
        self._recogniser: Recogniser | None = None
        self._timed: TimedModel | None = None
        self._capture: Capture | None = None
        self._stopping = False
        self._end_wanted = False
        self._fed = False
        self._figures = _Figures()

    # Life

    def load(self) -> Transcriber:
        """Begin to load the model, in the background; what goes wrong is said by first use."""
        if self._loading is None:
            self._loading = InBackground(lambda: load_model(self._choice), "load model")
        return self

    def close(self) -> None:
        """Let go of microphone and files; may be called twice."""
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.close()

    def __enter__(self) -> Transcriber:
        return self.load()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def about(self) -> About:
        """What this transcriber works with; waits for the model.

        Raises:
            StreamerError: the model cannot be loaded.
        """
        loaded = self._loaded()
        source = self._capture.source if self._capture else None
        return About(
            device=source.name if source else "",
            rate_hz=round(getattr(source, "opened_rate_hz", 0) or RATE_HZ),
            model=loaded.bundle.name,
            backend=loaded.stages.model.backend,
            compute_unit=loaded.stages.model.compute_unit,
            decoder=loaded.stages.decoder.name,
            compiled=getattr(loaded.stages.model, "compiled_path", None),
        )

    @property
    def heard_s(self) -> float:
        """How much of the present stream has been transcribed, in seconds."""
        return self._recogniser.position / RATE_HZ if self._recogniser else 0.0

    @property
    def source(self) -> Source | None:
        """Where the samples of the present stream come from."""
        return self._capture.source if self._capture else None

    # Streams

    def listen(self, on_open: Callable[[Source], Any] | None = None) -> Iterator[Event]:
        """Transcribe the microphone until `stop`.

        Args:
            on_open: called when the microphone records, perhaps before the
                model is there.

        Yields:
            Events, each as soon as it is known.

        Raises:
            StreamerError: no microphone, no model; also when the microphone
                goes away, after all events that came before.
        """
        from streamer.audio.sources.microphone import MicrophoneSource

        return self.run(MicrophoneSource(self._device), on_open)

    def transcribe(
        self,
        source: str | Path | FloatArray,
        realtime: bool = False,
        *,
        rate_hz: int = RATE_HZ,
        channels: int = 1,
    ) -> Iterator[Event]:
        """Transcribe a recording.

        Args:
            source: a file, ``-`` for standard input, or samples (n,) or
                (n, channels): floats of full scale 1, or 16-bit integers.
            realtime: let it come at the pace of a microphone.
            rate_hz: of samples, and of raw standard input.
            channels: of raw standard input.

        Yields:
            Events; their latency is None unless ``realtime``.

        Raises:
            StreamerError: the recording or the model cannot be used; what
                came before a fault in a recording has been reported by then.
        """
        from streamer.audio.sources.factory import make_source

        return self.run(make_source(source, realtime, rate_hz, channels))

    def run(
        self,
        source: Source,
        on_open: Callable[[Source], Any] | None = None,
        stats: bool | None = None,
    ) -> Iterator[Event]:
        """Transcribe any source, from its first sample to its last; see `listen`.

        Args:
            source: where samples come from.
            on_open: called when the source is open, perhaps before the model is there.
            stats: whether `Stats` come four times a second; None for live sources only.
        """
        from streamer.audio.capture import Capture

        self.load()
        self.close()
        self._stopping = False
        capture = Capture(source, RATE_HZ)
        self._capture = capture
        try:
            with capture:
                if self._stopping:
                    capture.stop()
                if on_open is not None:
                    on_open(source)
                wanted = source.live if stats is None else stats
                recogniser = self._begin_stream(stats=self._stats and wanted)
                yield from self._follow(capture, recogniser)
        finally:
            if self._capture is capture:
                self._capture = None

    def feed(self, samples: FloatArray) -> list[Event]:
        """Take samples of a stream of one's own, float32 (n,) mono at 16 kHz, full scale 1.

        Raises:
            AudioError: samples that are no sound.
            StreamerError: the model cannot be loaded.
        """
        import numpy as np

        from streamer.audio.samples import first_bad_frame

        block = np.asarray(samples)
        if block.dtype == np.int16:
            block = block.astype(np.float32) / np.float32(32768)
        if block.ndim != 1:
            raise UsageError(f"samples of shape {block.shape} are not mono", "give one dimension")
        block = block.astype(np.float32, copy=False)
        if not self._fed:
            self._begin_stream(stats=self._stats)
            self._fed = True
        bad = first_bad_frame(block)
        if bad is not None:
            raise AudioError(
                f"sample {bad} is no sound (NaN, infinite or enormous)",
                "give floats of full scale 1",
            )
        assert self._recogniser is not None
        recogniser = self._recogniser
        return self._timed_events(lambda: recogniser.feed(block), None, 0)

    def finish(self) -> list[Event]:
        """End the stream of `feed`; the next `feed` begins a new one."""
        if not self._fed or self._recogniser is None:
            return []
        self._fed = False
        return self._timed_events(self._recogniser.finish, None, 0)

    # From any thread

    def stop(self) -> None:
        """End the present stream: what was recorded until now is still transcribed."""
        self._stopping = True
        capture = self._capture
        if capture is not None:
            capture.stop()

    def pause(self) -> None:
        """Release the microphone until `resume`; ends the utterance. Recordings go on."""
        self._end_wanted = True
        self._tell_source("pause")

    def resume(self) -> None:
        """Take the microphone again."""
        self._tell_source("resume")

    def end_utterance(self) -> None:
        """End the present utterance here."""
        self._end_wanted = True

    def _tell_source(self, verb: str) -> None:
        source = self.source
        action = getattr(source, verb, None)
        if action is not None:
            action()

    # Inside

    def _loaded(self) -> LoadedModel:
        self.load()
        assert self._loading is not None
        return self._loading.result()

    def _begin_stream(self, stats: bool) -> Recogniser:
        from streamer.engine.recogniser import Recogniser, RecogniserSettings

        loaded = self._loaded()
        if self._timed is None:
            self._timed = TimedModel(loaded.stages.model)
        settings = RecogniserSettings(
            one_utterance=self._one_utterance, partials=self._partials, stats=stats
        )
        if self._endpoints is not None:
            settings = replace(settings, endpoints=self._endpoints)
        if self._recogniser is None or self._recogniser.settings != settings:
            stages = replace(loaded.stages, model=self._timed)
            self._recogniser = Recogniser(stages, settings)
        else:
            self._recogniser.reset()
        self._timed.durations.clear()
        self._figures = _Figures()
        self._end_wanted = False
        self._fed = False
        return self._recogniser

    def _follow(self, capture: Capture, recogniser: Recogniser) -> Iterator[Event]:
        """Everything a capture brings, and the end of the stream whatever ended it."""
        arrived: float | None = None
        warned_silent = warned_behind = False
        failure: AudioError | None = None
        try:
            for block in capture.blocks(IDLE_S):
                arrived = block.arrived if block.arrived is not None else arrived
                yield from self._block(recogniser, block)
                if getattr(capture.source, "silent_device", False) and not warned_silent:
                    warned_silent = True
                    yield recogniser.warning(*_silent_device(capture.source))
                if capture.source.live and capture.behind_s > BEHIND_S and not warned_behind:
                    warned_behind = True
                    yield recogniser.warning(
                        f"recognition is {capture.behind_s:.0f} s behind the microphone",
                        "close other programs, or take a smaller --beam",
                    )
        except AudioError as error:
            failure = error
        yield from self._timed_events(recogniser.finish, arrived, recogniser.position)
        if failure is not None:
            raise failure

    def _block(self, recogniser: Recogniser, block: CapturedBlock) -> Iterator[Event]:
        """The events of one block, those of its beginning before its end is computed."""
        if block.lost:
            yield from self._timed_events(lambda: recogniser.gap(block.lost), None, 0)
        end = block.position + len(block.samples)
        for start in range(0, len(block.samples), PIECE_SAMPLES):
            piece = block.samples[start : start + PIECE_SAMPLES]
            yield from self._timed_events(
                functools.partial(recogniser.feed, piece), block.arrived, end
            )
        if self._end_wanted:
            self._end_wanted = False
            yield from self._timed_events(recogniser.end_utterance, block.arrived, end)

    def _timed_events(
        self, call: Callable[[], Iterable[Event]], arrived: float | None, end: int
    ) -> list[Event]:
        """Run the recogniser and write into its events what only a clock can tell.

        Args:
            call: returns events.
            arrived: when the sample before position ``end`` had arrived; None
                where that means nothing.
            end: absolute position.
        """
        begin_s = time.perf_counter()
        events = list(call())
        self._figures.compute_s += time.perf_counter() - begin_s
        now = time.monotonic()
        return [self._timed_event(event, arrived, end, now) for event in events]

    def _timed_event(self, event: Event, arrived: float | None, end: int, now: float) -> Event:
        if isinstance(event, (Partial, Final)) and arrived is not None:
            # Samples of a live source arrive at their rate: those before the
            # end of the block came that much earlier.
            heard = arrived - max(0.0, end / RATE_HZ - event.end)
            latency_ms = max(0.0, (now - heard) * 1000)
            self._figures.latencies.add(latency_ms)
            return replace(event, latency_ms=latency_ms)
        if isinstance(event, Stats):
            assert self._timed is not None
            figures, network = self._figures, self._timed.durations
            return replace(
                event,
                real_time_factor=figures.compute_s / event.time if event.time else 0.0,
                latency_p50_ms=figures.latencies.percentile(50),
                latency_p95_ms=figures.latencies.percentile(95),
                chunk_p50_ms=network.percentile(50),
                chunk_p95_ms=network.percentile(95),
            )
        return event


class _Figures:
    """What is measured over one stream."""

    def __init__(self) -> None:
        self.compute_s = 0.0
        self.latencies = Durations()


def _silent_device(source: Source) -> list[str]:
    import sys

    from streamer.audio.portaudio import privacy_hint

    return [f'the microphone "{source.name}" gives nothing but zeros', privacy_hint(sys.platform)]
