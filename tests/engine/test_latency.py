"""Latency and computing time, on a fake clock."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streamer.endpointing.voice_activity import VoiceActivity
from streamer.engine.latency import StreamTiming, TimedModel
from streamer.engine.recogniser import Recogniser
from streamer.events import Final, Partial, Stats
from streamer.percentiles import percentile
from tests.support.audio.coded_speech import (
    LoudnessDetector,
    LoudnessModel,
    make_stages,
    silence,
    speech,
)


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timing(clock: Clock) -> StreamTiming:
    return StreamTiming(clock)


def test_latency_counts_from_the_arrival_of_the_last_sample(
    timing: StreamTiming, clock: Clock
) -> None:
    timing.arrival(2.0, 99.5)
    assert timing.latency_ms(2.0) == pytest.approx(500)
    # A sample 0.3 s before the end of the block came 0.3 s earlier.
    assert timing.latency_ms(1.7) == pytest.approx(800)
    # Later than the block: an utterance that ends at the position of a gap.
    assert timing.latency_ms(2.4) == pytest.approx(500)
    figures = timing.figures(2.0)
    assert (figures.latency_p50_ms, figures.latency_p95_ms) == (
        pytest.approx(500), pytest.approx(800),
    )  # fmt: skip


def test_without_real_time_there_is_no_latency(timing: StreamTiming) -> None:
    assert timing.latency_ms(1.0) is None
    assert timing.figures(1.0) == (0.0, None, None, None, None)


def test_the_real_time_factor_includes_the_call_that_goes_on(
    timing: StreamTiming, clock: Clock
) -> None:
    with timing.computing():
        clock.now += 1.0
        assert timing.figures(4.0).real_time_factor == 0.25
        clock.now += 1.0
    clock.now += 50.0  # the consumer's time does not count
    assert timing.figures(4.0).real_time_factor == 0.5
    assert timing.figures(0.0).real_time_factor == 0.0


def test_a_new_stream_starts_from_zero(timing: StreamTiming, clock: Clock) -> None:
    timing.arrival(1.0, 99.0)
    timing.latency_ms(1.0)
    timing.network_call(0.02)
    with timing.computing():
        clock.now += 1.0
    timing.reset()
    assert timing.figures(1.0) == (0.0, None, None, None, None)
    assert timing.latency_ms(1.0) is None


def test_calls_of_the_network_are_timed_and_the_rest_is_the_models_own(
    timing: StreamTiming, clock: Clock
) -> None:
    class SlowModel(LoudnessModel):
        def infer(self, window: Any, n: int, state: Any) -> Any:
            clock.now += 0.004
            return super().infer(window, n, state)

    model = SlowModel()
    timed = TimedModel(model, timing)
    window = np.zeros((1, 16, 19, 1), np.float32)
    timed.infer(window, 16, timed.initial_state())
    assert model.calls == timed.calls == 1
    assert timing.figures(1.0).chunk_p50_ms == pytest.approx(4.0)


def test_events_are_complete_when_they_are_made(timing: StreamTiming, clock: Clock) -> None:
    recogniser = Recogniser(make_stages(), None, VoiceActivity(LoudnessDetector()), timing)
    timing.arrival(0.0, 99.0)
    events = recogniser.feed(np.concatenate([speech("hello there"), silence(2.0)]))
    spoken = [event for event in events if isinstance(event, (Partial, Final))]
    assert isinstance(spoken[-1], Final)
    assert all(event.latency_ms == pytest.approx(1000) for event in spoken)
    stats = [event for event in events if isinstance(event, Stats)]
    assert stats[-1].latency_p95_ms == pytest.approx(1000)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([], 50, None), ([7.0], 95, 7.0), ([3.0, 1.0, 2.0], 50, 2.0), (range(100), 95, 95)],
)
def test_a_percentile_is_a_value_of_the_list(
    values: list[float], percent: float, expected: float | None
) -> None:
    assert percentile(values, percent) == expected
