"""The Python API: a microphone, recordings or samples in, events out.

from streamer import Transcriber

with Transcriber() as t:
for event in t.listen():
print(event)
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from streamer.endpointing.settings import RATE_HZ, EndpointSettings
from streamer.engine.model_loader import ModelChoice
from streamer.engine.session import Session
from streamer.engine.settings import RecogniserSettings
from streamer.errors import AudioError, UsageError
from streamer.events import Event, written_text
from streamer.text.options import writing_options

if TYPE_CHECKING:
    from streamer.arrays import Array
    from streamer.audio.sources.source import Source
    from streamer.decoding import UserWord
    from streamer.engine.event_stage import EventStage
    from streamer.text.replacements import Replacements


@dataclass(frozen=True)
class About:
    """What a transcriber runs, for display.

    Attributes:
        device: name of the microphone or the recording.
        rate_hz: its sample rate.
        model: name of the bundle.
        backend: ``coreml``, ``onnx`` or ``numpy``.
        compute_unit: where the network runs.
        decoder: name of the decoder.
        compiled: folder of the compiled Core ML network, None elsewhere.
        doubtful: words with a lower confidence are more likely wrong than others: at least
            half of them in the speech that the model's confidence was fitted to.
    """

    device: str
    rate_hz: int
    model: str
    backend: str
    compute_unit: str
    decoder: str
    compiled: Path | None = None
    doubtful: float = 0.5


class Transcriber:
    """Turns speech into events.

    Transcribes one stream at a time, in one thread; only `stop`, `pause`,
    `resume` and `end_utterance` may be called by other threads meanwhile. A
    second thread that uses it gets a `UsageError`: already in use.

    Args:
        model: name of a model or folder of a bundle.
        backend: ``auto``, ``coreml``, ``onnx`` or ``numpy``.
        decoder: ``auto``, ``beam``, ``ds`` or ``greedy``.
        beam: beam width of the decoder; None for the model's default.
        device: microphone, by number, name or part of it; None for the default.
        compute_units: for Core ML: ``CPU_ONLY``, ``CPU_AND_GPU``,
            ``CPU_AND_NE`` or ``ALL``; None for the default.
        user_words: words to add to the vocabulary or to make more likely.
        hints: the same, ignored by decoders that cannot use them.
        endpoints: where utterances begin and end; None for the defaults.
        one_utterance: treat every stream as one utterance, without voice activity.
        partials: whether `Partial` events are made.
        stats: whether `Stats` come four times a second when listening.
        verbatim: no marks, capitals or numbers in ``display``: the words as spoken.
        punctuation: whether ``display`` has marks and capitals.
        numbers: whether ``display`` has numbers in digits.
        date_style: ``dmy`` for 3 May 1982, ``mdy`` for May 3, 1982.
        fillers: whether ``display`` has um, uh and words repeated by mistake.
        mask: whether ``display`` has swear words as their first letter and stars.
        replacements: what ``display`` has for certain heard words, for example
            ``{"eye phone": "iPhone"}``; a `streamer.text.replacements.Replacements` can
            learn more while a stream runs.
        reconnect_timeout_s: how long to wait for a microphone that goes away,
            in seconds; None for ever, 0 not at all. While it is away there is a
            `Notice`, and when it is back a `Gap`.
        keep_warm_s: how long the microphone stays open during a pause, in seconds.
        begin_paused: whether the microphone is opened only by `resume`.
        finals: engine that transcribes each finished utterance again: a bundle,
            ``whisper[:MODEL|FOLDER]`` or ``moonshine[:MODEL|FOLDER]``.
        finals_timeout_s: how long a final waits for it; None for 1.5 s (recordings: a minute).
        latency: ``low`` runs the network on windows of 80 ms instead of 320.
        save_audio: a FLAC file for the whole stream, or a folder for a file an utterance.

    Raises:
        UsageError: a value is not valid.
        ModelError: there is no such bundle for ``finals``.
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
        verbatim: bool = False,
        punctuation: bool = True,
        numbers: bool = True,
        date_style: str = "dmy",
        fillers: bool = True,
        mask: bool = False,
        replacements: Mapping[str, str] | Replacements | None = None,
        reconnect_timeout_s: float | None = 30.0,
        keep_warm_s: float = 0.0,
        begin_paused: bool = False,
        finals: str | None = None,
        finals_timeout_s: float | None = None,
        save_audio: str | Path | None = None,
        latency: str = "normal",
    ) -> None:
        if reconnect_timeout_s is not None and not reconnect_timeout_s >= 0:
            raise UsageError(
                f"reconnect_timeout_s cannot be {reconnect_timeout_s}",
                "give seconds, 0 not to wait, or None to wait for ever",
            )
        self._device = device
        self._reconnect_timeout_s = reconnect_timeout_s
        self._keep_warm_s = keep_warm_s
        self._begin_paused = begin_paused
        settings = RecogniserSettings(
            endpoints=endpoints or EndpointSettings(),
            one_utterance=one_utterance,
            partials=partials,
            stats=stats,
            writing=writing_options(
                verbatim, punctuation, numbers, date_style, fillers, mask, replacements
            ),
        )
        stages: list[EventStage] = []
        if finals is not None:
            from streamer.finals import second_opinion

            stages.append(second_opinion(finals, finals_timeout_s, settings, user_words))
        if save_audio is not None:
            from streamer.saving import audio_saver

            stages.append(audio_saver(Path(save_audio)))
        self._session = Session(
            ModelChoice(model, backend, decoder, beam, compute_units, user_words, hints, latency),
            settings,
            stages,
        )

    def load(self) -> Transcriber:
        """Start loading the model in the background; errors are raised on first use."""
        self._session.load()
        return self

    def close(self) -> None:
        """Close the microphone or recording; may be called twice."""
        self._session.close()
        self._session.close_stages()

    def __enter__(self) -> Transcriber:
        return self.load()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def about(self) -> About:
        """What this transcriber runs; waits until the model is loaded.

        Raises:
            StreamerError: the model cannot be loaded.
        """
        loaded, source = self._session.model, self.source
        return About(
            device=source.name if source else "",
            rate_hz=round(getattr(source, "opened_rate_hz", 0) or RATE_HZ),
            model=loaded.bundle.name,
            backend=loaded.stages.model.backend,
            compute_unit=loaded.stages.model.compute_unit,
            decoder=loaded.stages.decoder.name,
            compiled=getattr(loaded.stages.model, "compiled_path", None),
            doubtful=loaded.stages.decoder.doubtful,
        )

    @property
    def heard_s(self) -> float:
        """How much of the current stream has been transcribed, in seconds."""
        return self._session.position_s

    @property
    def source(self) -> Source | None:
        """The source of the current stream."""
        return self._session.source

    # Streams

    def listen(
        self, on_open: Callable[[Source], Any] | None = None
    ) -> Generator[Event, None, None]:
        """Transcribe the microphone until `stop`.

        Args:
            on_open: called when the microphone is recording, perhaps before
                the model is loaded.

        Yields:
            Events, each as soon as it is known.

        Raises:
            StreamerError: the microphone or the model cannot be used; also
                when the microphone is disconnected and does not come back in
                ``reconnect_timeout_s``, after all events before that.
        """
        from streamer.audio.sources.microphone import MicrophoneSource

        source = MicrophoneSource(
            self._device,
            reconnect_timeout_s=self._reconnect_timeout_s,
            keep_warm_s=self._keep_warm_s,
            begin_paused=self._begin_paused,
        )
        return self.run(source, on_open)

    def transcribe(
        self,
        source: str | Path | Array,
        realtime: bool = False,
        *,
        rate_hz: int = RATE_HZ,
        channels: int = 1,
    ) -> Generator[Event, None, None]:
        """Transcribe a recording.

        Args:
            source: a file, ``-`` for standard input, or samples (n,) or
                (n, channels): floats of full scale 1, or 16-bit integers.
            realtime: play it at the pace of a microphone.
            rate_hz: sample rate of samples and of raw standard input.
            channels: channels of raw standard input.

        Yields:
            Events; their latency is None unless ``realtime``.

        Raises:
            StreamerError: the recording or the model cannot be used; all
                events before a fault in the recording come first.
        """
        from streamer.audio.sources.factory import make_source

        return self.run(make_source(source, realtime, rate_hz, channels))

    def run(
        self,
        source: Source,
        on_open: Callable[[Source], Any] | None = None,
        stats: bool | None = None,
    ) -> Generator[Event, None, None]:
        """Transcribe any source, from its first sample to its last; see `listen`.

        Args:
            source: opened and closed here.
            on_open: called when the source is open, perhaps before the model
                is loaded.
            stats: whether `Stats` come four times a second; None for live
                sources only.
        """
        return self._session.run(source, on_open, stats)

    def alisten(
        self, on_open: Callable[[Source], Any] | None = None
    ) -> AsyncGenerator[Event, None]:
        """Transcribe the microphone asynchronously; see `listen`.

            async for event in transcriber.alisten():
                print(event)

        The work is done in a thread. Cancelling the task, or closing the
        generator, stops the stream and closes the microphone.

        Args:
            on_open: called in that thread; see `listen`.
        """
        from streamer.engine.asynchronous import iterate_in_thread

        return iterate_in_thread(self.listen(on_open), self.stop)

    def atranscribe(
        self,
        source: str | Path | Array,
        realtime: bool = False,
        *,
        rate_hz: int = RATE_HZ,
        channels: int = 1,
    ) -> AsyncGenerator[Event, None]:
        """Transcribe a recording asynchronously; see `transcribe` and `alisten`."""
        from streamer.engine.asynchronous import iterate_in_thread

        events = self.transcribe(source, realtime, rate_hz=rate_hz, channels=channels)
        return iterate_in_thread(events, self.stop)

    def feed(self, samples: Array) -> list[Event]:
        """Transcribe the next samples of a stream that the caller captures.

        Args:
            samples: (n,) mono at 16 kHz, floats of full scale 1 or 16-bit
                integers; copied.

        Returns:
            The events that became known.

        Raises:
            AudioError: the samples are not valid audio.
            UsageError: the samples are not mono.
            StreamerError: the model cannot be loaded.
        """
        import numpy as np

        from streamer.audio.samples import as_mono, first_bad_frame
        from streamer.audio.sources.array import as_frames

        array = as_mono(samples)
        block = np.array(as_frames(array)[:, 0])
        bad = first_bad_frame(block)
        if bad is not None:
            raise AudioError(
                f"sample {bad} is not valid audio (NaN, infinite or enormous)",
                "give floats of full scale 1",
            )
        return self._session.feed(block)

    def finish(self) -> list[Event]:
        """End the stream of `feed` and return its last events."""
        return self._session.finish()

    # From any thread

    def stop(self) -> None:
        """End the current stream; what was recorded so far is still transcribed."""
        self._session.stop()

    def pause(self, after_s: float = 0.0) -> None:
        """End the utterance and release the microphone until `resume`; recordings go on.

        Args:
            after_s: record for this long before that, in seconds.
        """
        self._session.pause(after_s)

    def resume(self) -> None:
        """Open the microphone again."""
        self._session.resume()

    def end_utterance(self) -> None:
        """End the current utterance here."""
        self._session.end_utterance()


def transcribe(
    source: str | Path | Array, *, rate_hz: int = RATE_HZ, channels: int = 1, **options: Any
) -> str:
    """Return the text of a recording.

        text = streamer.transcribe("talk.flac")

    Args:
        source: a file, ``-`` for standard input, or samples; see
            `Transcriber.transcribe`.
        rate_hz: sample rate of samples and of raw standard input.
        channels: channels of raw standard input.
        **options: arguments of `Transcriber`.

    Returns:
        The written text; with ``verbatim=True``, the words as spoken.

    Raises:
        StreamerError: the recording or the model cannot be used.
    """
    with Transcriber(**{"partials": False, **options}) as transcriber:
        events = transcriber.transcribe(source, rate_hz=rate_hz, channels=channels)
        return written_text(events)
