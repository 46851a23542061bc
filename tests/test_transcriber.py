"""The Python API, with a random model, and with the bundled one if it is there."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Callable

import numpy as np
import pytest

import streamer
from streamer import Final, Gap, Notice, Partial, Stats, StreamerError, Transcriber
from streamer.audio.sources.array import ArraySource
from streamer.bundle import bundled_folder
from streamer.errors import AudioError, DeviceError, ModelError, UsageError
from streamer.events import Event
from tests.support.models.bundles import make_tiny_bundle
from tests.support.written import spoken

ENGLISH = bundled_folder()
SAMPLE = ENGLISH / "sample.flac"
needs_english = pytest.mark.skipif(
    not ((ENGLISH / "model.json").is_file() and SAMPLE.is_file()),
    reason="needs the bundled model and its sample in assets/english",
)
RATE_HZ = 16000


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Transcriber:
    folder = tmp_path_factory.mktemp("bundle") / "tiny"
    make_tiny_bundle(folder)
    return Transcriber(folder, backend="numpy", one_utterance=True)


@pytest.fixture(scope="module")
def english() -> Transcriber:
    return Transcriber()


@pytest.fixture(scope="module")
def sample() -> Any:
    import soundfile

    samples, rate_hz = soundfile.read(SAMPLE, dtype="float32")
    assert rate_hz == RATE_HZ
    return samples


def sound(seconds: float) -> Any:
    random = np.random.default_rng(5)
    slow = np.repeat(random.uniform(0, 0.5, round(seconds * 20)), RATE_HZ // 20)
    return (slow * random.uniform(-1, 1, len(slow))).astype(np.float32)


def texts(events: Iterable[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Final)]


def finals(events: Iterable[Event]) -> list[Final]:
    """Finals without ``seq``, which counts `Stats` too."""
    return [replace(event, seq=0) for event in events if isinstance(event, Final)]


def timeless(events: Iterable[Event]) -> list[Event]:
    """Events that do not depend on a clock."""
    return [event for event in events if not isinstance(event, Stats)]


def test_importing_streamer_imports_nothing_heavy() -> None:
    import subprocess
    import sys

    program = "import sys, streamer; print([m for m in sys.modules if '.' not in m])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    for module in (b"numpy", b"scipy", b"onnxruntime", b"sounddevice", b"rich", b"torch"):
        assert b"'" + module + b"'" not in done.stdout


def test_samples_can_be_fed_in_blocks_of_any_size(tiny: Transcriber) -> None:
    samples = sound(3.0)
    whole = timeless(tiny.feed(samples) + tiny.finish())
    assert texts(whole)
    for size in (1, 160, 7919):
        events: list[Event] = []
        count = 4000 if size == 1 else len(samples)
        for start in range(0, count, size):
            events += tiny.feed(samples[start : start + size])
        events += tiny.feed(samples[count:])
        assert timeless(events + tiny.finish()) == whole


def test_a_stream_that_was_never_fed_has_no_events(tiny: Transcriber) -> None:
    assert tiny.finish() == []


def test_sixteen_bit_samples_are_taken_as_they_are(tiny: Transcriber) -> None:
    integers = (sound(2.0) * 32767).astype(np.int16)
    floats = integers.astype(np.float32) / 32768
    by_integers = timeless(tiny.feed(integers) + tiny.finish())
    assert by_integers == timeless(tiny.feed(floats) + tiny.finish())
    assert texts(tiny.transcribe(integers)) == texts(by_integers)


def test_invalid_samples_are_refused_and_the_stream_goes_on(tiny: Transcriber) -> None:
    expected = timeless(tiny.feed(sound(2.0)) + tiny.finish())
    events = tiny.feed(sound(2.0))
    with pytest.raises(AudioError, match="NaN"):
        tiny.feed(np.array([0.0, np.nan], np.float32))
    with pytest.raises(UsageError, match="mono"):
        tiny.feed(np.zeros((4, 2), np.float32))
    assert timeless(events + tiny.finish()) == expected


def test_an_unknown_model_is_an_error_on_first_use() -> None:
    with Transcriber("klingon") as transcriber, pytest.raises(ModelError, match="klingon"):
        transcriber.feed(sound(0.1))


def test_a_recording_that_fails_gives_everything_before_the_fault(tiny: Transcriber) -> None:
    samples = sound(4.0)
    bad = samples.copy()
    bad[2 * RATE_HZ :] = np.nan
    events: list[Event] = []
    with pytest.raises(AudioError, match="NaN"):
        for event in tiny.transcribe(bad):
            events.append(event)
    assert texts(events) == texts(tiny.transcribe(samples[: 2 * RATE_HZ]))
    assert isinstance(events[-1], Stats)


class LiveSource(ArraySource):
    """Samples as from a microphone: live, with gaps, and an error at the end if wanted."""

    live = True

    def __init__(self, samples: Any, holes: tuple[int, ...] = (), fails: bool = False) -> None:
        super().__init__(samples, RATE_HZ, "a live source", 1600)
        self._holes = list(holes)
        self._fails = fails
        self.stopped = threading.Event()

    def read(self) -> Any:
        block = super().read()
        if block is None and self._fails:
            raise DeviceError("the microphone is gone", "connect it")
        if block is None:
            self.stopped.wait(60)
        if block is not None and self._holes:
            self.lost += self._holes.pop(0)
        return block

    def stop(self) -> None:
        self.stopped.set()


def test_a_live_stream_measures_latencies_and_ends_on_request(tiny: Transcriber) -> None:
    events: list[Event] = []
    for event in tiny.run(LiveSource(sound(3.0))):
        events.append(event)
        if isinstance(event, Stats) and event.time >= 2.8:
            tiny.stop()
    assert texts(events)
    # What waited when the stream began does not count.
    latencies = [event.latency_ms for event in events if isinstance(event, (Partial, Final))]
    assert latencies[-1] is not None
    assert all(latency is None or latency >= 0 for latency in latencies)
    last = events[-1]
    assert isinstance(last, Stats)
    assert last.time == 3.0
    assert last.real_time_factor > 0
    assert last.latency_p95_ms is not None and last.latency_p50_ms is not None
    assert last.latency_p50_ms <= last.latency_p95_ms
    assert last.chunk_p50_ms is not None
    assert last.chunks > 0


def test_lost_samples_are_reported_where_they_are_missing(tiny: Transcriber) -> None:
    source = LiveSource(sound(2.0), holes=(0, 0, 0, 0, 0, 8000), fails=True)
    events: list[Event] = []
    with pytest.raises(DeviceError, match="gone"):
        for event in tiny.run(source):
            events.append(event)
    (gap,) = [event for event in events if isinstance(event, Gap)]
    assert gap.samples == 8000
    assert gap.start == pytest.approx(5 * 0.1)
    assert gap.end == pytest.approx(gap.start + 0.5)
    assert [event.seq for event in events] == list(range(len(events)))
    last = events[-1]
    assert isinstance(last, Stats)
    assert last.lost_samples == 8000
    assert last.time == 2.5


@pytest.mark.parametrize("leap_s", [-86400.0, -1.5, 1.5, 86400.0])
def test_a_clock_that_is_set_back_or_forward_changes_no_word(
    leap_s: float, tiny: Transcriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    def heard() -> list[Any]:
        source = LiveSource(sound(4.0), fails=True)
        events: list[Event] = []
        with pytest.raises(DeviceError, match="gone"):
            for event in tiny.run(source):
                events.append(event)
        # Partials and what is said of latency depend on the machine.
        kept = [event for event in events if isinstance(event, (Final, Gap))]
        return [(event.start, event.end, getattr(event, "text", None)) for event in kept]

    expected = heard()
    now, leaps = time.time, iter(range(1_000_000))
    monkeypatch.setattr(time, "time", lambda: now() + leap_s * (next(leaps) % 2))
    monkeypatch.setattr(time, "time_ns", lambda: int(1e9 * (now() + leap_s * (next(leaps) % 2))))
    assert heard() == expected
    assert [text for _, _, text in expected if text]


def test_a_muted_microphone_is_warned_about_once(tiny: Transcriber) -> None:
    source = LiveSource(np.zeros(RATE_HZ, np.float32), fails=True)
    source.silent_device = True  # type: ignore[attr-defined]
    events: list[Event] = []
    with pytest.raises(DeviceError):
        for event in tiny.run(source):
            events.append(event)
    (warning,) = [event for event in events if isinstance(event, Notice)]
    assert "zeros" in warning.what


def test_a_person_can_end_the_utterance(tiny: Transcriber) -> None:
    events: list[Event] = []
    for event in tiny.run(LiveSource(sound(3.0))):
        events.append(event)
        if isinstance(event, Stats) and event.time < 1.2:
            tiny.end_utterance()
        if isinstance(event, Stats) and event.time >= 2.8:
            tiny.stop()
    finals = [event for event in events if isinstance(event, Final)]
    assert len(finals) > 1
    assert [final.segment for final in finals] == list(range(len(finals)))


def test_leaving_the_loop_closes_the_source(tiny: Transcriber) -> None:
    source = LiveSource(sound(3.0))
    events = tiny.run(source)
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert source.stopped.is_set()
    assert tiny.source is None
    assert texts(tiny.transcribe(sound(2.0)))


def test_a_missing_file_is_an_error(tiny: Transcriber) -> None:
    with pytest.raises(StreamerError, match="no file"):
        list(tiny.transcribe("/no/such/file.wav"))


# Asynchronously


def test_asynchronous_events_equal_the_blocking_ones(tiny: Transcriber) -> None:
    async def collect() -> list[Event]:
        return [event async for event in tiny.atranscribe(sound(2.0))]

    assert timeless(asyncio.run(collect())) == timeless(tiny.transcribe(sound(2.0)))


def test_an_asynchronous_stream_raises_its_errors(tiny: Transcriber) -> None:
    async def collect() -> list[Event]:
        return [event async for event in tiny.atranscribe("/no/such/file.wav")]

    with pytest.raises(StreamerError, match="no file"):
        asyncio.run(collect())


@pytest.fixture
def microphone(monkeypatch: pytest.MonkeyPatch) -> LiveSource:
    """Samples in place of the microphone's; after them nothing comes until `stop`."""
    source = LiveSource(sound(3.0))
    monkeypatch.setattr(
        "streamer.audio.sources.microphone.MicrophoneSource", lambda device, **_: source
    )
    return source


def test_cancelling_a_task_that_waits_for_the_microphone_closes_it(
    tiny: Transcriber, microphone: LiveSource
) -> None:
    async def main() -> list[Event]:
        events: list[Event] = []
        everything = asyncio.Event()

        async def follow() -> None:
            async for event in tiny.alisten():
                events.append(event)
                if isinstance(event, Stats) and event.time >= 2.8:
                    everything.set()

        task = asyncio.create_task(follow())
        await everything.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert tiny.source is None
        return events

    events = asyncio.run(main())
    assert any(isinstance(event, Partial) for event in events)
    assert microphone.stopped.is_set()
    assert microphone.read() is None
    assert timeless(tiny.transcribe(sound(2.0)))


def test_the_event_loop_goes_on_while_the_microphone_is_silent(
    tiny: Transcriber, microphone: LiveSource
) -> None:
    async def main() -> list[Event]:
        async def stop_later() -> None:
            while tiny.heard_s < 2.8:
                await asyncio.sleep(0)
            tiny.stop()

        stopping = asyncio.create_task(stop_later())
        events = [event async for event in tiny.alisten()]
        await stopping
        return events

    events = asyncio.run(main())
    assert texts(events)
    assert isinstance(events[-1], Stats)
    assert events[-1].time == 3.0


def test_closing_an_asynchronous_stream_closes_the_source(
    tiny: Transcriber, microphone: LiveSource
) -> None:
    async def main() -> None:
        events = tiny.alisten()
        await events.__anext__()
        await events.aclose()
        assert tiny.source is None

    asyncio.run(main())
    assert microphone.stopped.is_set()


# With real words


@needs_english
def test_a_recording_becomes_text_in_one_call(english: Transcriber) -> None:
    expected = " ".join(texts(english.transcribe(SAMPLE)))
    assert streamer.transcribe(SAMPLE, verbatim=True) == expected
    written = streamer.transcribe(SAMPLE)
    assert written[0].isupper() and written[-1] == "."
    assert spoken(written) == expected
    assert streamer.transcribe(SAMPLE, decoder="greedy") != expected


@pytest.mark.slow
@needs_english
def test_file_array_and_blocks_of_any_size_have_the_same_transcript(
    english: Transcriber, sample: Any
) -> None:
    by_file = finals(english.transcribe(SAMPLE))
    assert by_file
    assert finals(english.transcribe(sample)) == by_file
    for size in (320, 5000):
        events: list[Event] = []
        for start in range(0, len(sample), size):
            events += english.feed(sample[start : start + size])
        assert finals(events + english.finish()) == by_file


@needs_english
def test_a_stable_prefix_stays(english: Transcriber) -> None:
    stable = ""
    for event in english.transcribe(SAMPLE):
        if isinstance(event, (Partial, Final)):
            assert event.text.startswith(stable)
            stable = event.stable if isinstance(event, Partial) else ""


@needs_english
def test_silence_around_speech_changes_little(english: Transcriber, sample: Any) -> None:
    plain = " ".join(texts(english.transcribe(sample))).split()
    silence = np.zeros(2 * RATE_HZ, np.float32)
    padded = finals(english.transcribe(np.concatenate([silence, sample, silence])))
    words = [word.word for final in padded for word in final.words]
    assert len([word for word in plain if word in words]) >= 0.3 * len(plain)
    assert padded[0].start >= 1.5
    assert padded[-1].words[-1].end <= 2.0 + len(sample) / RATE_HZ + 0.3


@needs_english
def test_soft_speech_is_transcribed_from_end_to_end(english: Transcriber, sample: Any) -> None:
    loud = finals(english.transcribe(sample))
    soft = finals(english.transcribe(sample * np.float32(0.03)))
    heard_s = sum(final.end - final.start for final in soft)
    assert heard_s >= 0.7 * sum(final.end - final.start for final in loud)


def melody(seconds: float) -> Any:
    """Notes with harmonics that fade, as of a piano."""
    random = np.random.default_rng(2)
    notes = []
    while sum(map(len, notes)) < seconds * RATE_HZ:
        hz = random.choice([147, 196, 220, 262, 330, 392, 440])
        time = np.arange(round(RATE_HZ * random.choice([0.125, 0.25, 0.5]))) / RATE_HZ
        tone = sum(np.sin(2 * np.pi * hz * k * time) / k for k in range(1, 9))
        notes.append(0.3 * tone * np.exp(-5 * time))
    return np.concatenate(notes).astype(np.float32)


@needs_english
@pytest.mark.parametrize("kind", ["silence", "white noise", "hum", "melody"])
def test_other_sounds_have_no_words(kind: str, english: Transcriber) -> None:
    seconds = 30.0
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    samples = {
        "silence": np.zeros(len(time)),
        "white noise": 0.1 * np.random.default_rng(0).standard_normal(len(time)),
        "hum": 0.2 * np.sin(2 * np.pi * 50 * time) + 0.1 * np.sin(2 * np.pi * 150 * time),
        "melody": melody(seconds),
    }[kind].astype(np.float32)
    events = list(english.transcribe(samples))
    assert not [event for event in events if isinstance(event, (Partial, Final))]
    if kind != "melody":
        last = events[-1]
        assert isinstance(last, Stats)
        assert last.chunks == 0


@needs_english
def test_one_utterance_has_the_same_words(english: Transcriber) -> None:
    whole = Transcriber(one_utterance=True)
    (text,) = texts(whole.transcribe(SAMPLE))
    parts = " ".join(texts(english.transcribe(SAMPLE))).split()
    assert len([word for word in parts if word in text.split()]) >= 0.3 * len(parts)


def in_thread(work: Callable[[], Any]) -> Any:
    """Run a function in another thread; return its result or its exception."""
    with ThreadPoolExecutor(1) as executor:
        future = executor.submit(work)
        return future.exception() or future.result()


def test_a_second_thread_is_told_that_the_transcriber_is_in_use(tiny: Transcriber) -> None:
    recording = sound(3.0)
    alone = timeless(tiny.transcribe(recording))
    events = tiny.transcribe(recording)
    first = next(events)
    for work in (
        lambda: list(tiny.transcribe(recording)),
        lambda: tiny.feed(recording),
        tiny.finish,
    ):
        error = in_thread(work)
        assert isinstance(error, UsageError) and "already in use" in str(error)
    assert timeless([first, *events]) == alone
    assert timeless(in_thread(lambda: list(tiny.transcribe(recording)))) == alone


def test_threads_that_feed_at_once_are_refused_one_after_the_other_are_not(
    tiny: Transcriber,
) -> None:
    recording = sound(3.0)
    whole = timeless([*tiny.feed(recording), *tiny.finish()])
    parts = [in_thread(lambda part=part: tiny.feed(part)) for part in np.split(recording, 4)]
    fed = [event for part in parts for event in part]
    assert timeless([*fed, *tiny.finish()]) == whole
    with tiny._session._alone():
        error = in_thread(lambda: tiny.feed(recording))
    assert isinstance(error, UsageError) and "already in use" in str(error)


def test_a_stream_left_behind_in_the_same_thread_ends_when_the_next_begins(
    tiny: Transcriber,
) -> None:
    recording = sound(3.0)
    alone = timeless(tiny.transcribe(recording))
    left = tiny.transcribe(sound(4.0))
    next(left)
    events = tiny.transcribe(recording)
    first = next(events)
    assert list(left) == []
    assert timeless([first, *events]) == alone


@pytest.mark.parametrize("seconds", [-1.0, float("nan")])
def test_a_time_that_is_none_is_refused_at_once(seconds: float) -> None:
    with pytest.raises(UsageError, match="reconnect_timeout_s cannot be"):
        Transcriber(reconnect_timeout_s=seconds)
