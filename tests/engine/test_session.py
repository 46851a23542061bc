"""A session told to stop, pause and resume at any time, without a model."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from streamer.audio.sources.array import ArraySource
from streamer.engine import session as session_module
from streamer.engine.cutting import FRAME_SAMPLES, choose_cut, quietest
from streamer.engine.model_loader import ModelChoice
from streamer.engine.recogniser import Recogniser
from streamer.engine.session import Session
from streamer.engine.settings import RecogniserSettings
from streamer.errors import ModelError
from tests.support.audio.coded_speech import make_stages

RATE_HZ = 16000


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A session whose model is never loaded in time."""
    loading = threading.Event()
    monkeypatch.setattr(session_module, "load_model", lambda choice: loading.wait(60))
    yield Session(ModelChoice(), RecogniserSettings())
    loading.set()


class Stopping(ArraySource):
    """A recording that is stopped while it is opened."""

    def __init__(self, session: Session, when: str) -> None:
        super().__init__(np.zeros(RATE_HZ, np.float32), RATE_HZ)
        self.session, self.when = session, when

    def open(self, rate_hz: int) -> None:
        super().open(rate_hz)
        if self.when == "opening":
            self.session.stop()


@pytest.mark.parametrize("when", ["opening", "open"])
def test_a_stream_that_is_stopped_while_the_model_is_loaded_does_not_wait_for_it(
    session: Session, when: str
) -> None:
    source = Stopping(session, when)

    def opened(_: Any) -> None:
        if when == "open":
            session.stop()

    assert list(session.run(source, opened, None)) == []
    assert session.source is None and session.position_s == 0.0


def test_a_pause_ends_the_utterance_and_pauses_the_source_if_it_can(session: Session) -> None:
    calls: list[Any] = []
    microphone = SimpleNamespace(pause=calls.append, resume=lambda: calls.append("resume"))
    for source, expected in ((SimpleNamespace(), []), (microphone, [0.3, "resume"])):
        session._end_requested = False
        session._capture = SimpleNamespace(source=source, stop=lambda: None)  # type: ignore[assignment]
        session.pause(0.3)
        # A microphone still records its tail: the utterance ends behind it.
        assert session._end_requested == (source is not microphone)
        session.resume()
        assert calls == expected and session._end_requested
        session._capture = None


def test_without_a_stream_there_is_nothing_to_stop_or_resume(session: Session) -> None:
    session.stop()
    session.resume()
    session.pause()
    session.close()
    assert session.finish() == []


def test_a_model_for_another_rate_is_refused() -> None:
    stages = make_stages()
    stages.front_end.sample_rate_hz = 8000  # type: ignore[misc]
    with pytest.raises(ModelError, match="the model takes 8000 Hz, voice activity only 16000 Hz"):
        Recogniser(stages)


@pytest.mark.parametrize(("first", "last"), [(500, 500), (0, 10), (990, 1000), (400, 600)])
def test_a_place_shorter_than_a_frame_is_widened_to_one(first: int, last: int) -> None:
    samples = np.ones(1000, np.float32)
    place, power = quietest(samples, first, last)
    assert FRAME_SAMPLES // 2 <= place <= 1000 - FRAME_SAMPLES // 2 and power == 1.0
    assert first - FRAME_SAMPLES // 2 <= place <= last + FRAME_SAMPLES // 2


def test_the_quietest_place_is_found() -> None:
    samples = np.ones(4000, np.float32)
    samples[2000:2400] = 0.1
    place, power = quietest(samples, 0, 4000)
    assert 2000 <= place <= 2400 and power == pytest.approx(0.01)


@pytest.mark.parametrize("latest", [None, SimpleNamespace(words=())])
def test_without_words_there_is_no_place_between_two(latest: Any) -> None:
    utterance: Any = SimpleNamespace(latest=latest)
    assert choose_cut(utterance, np.zeros(1000, np.float32), 0) is None
