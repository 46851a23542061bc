"""A paced recording comes at the pace of a microphone; the clock here is a fake."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from streamer.audio.sources.array import ArraySource
from streamer.audio.sources.paced import STOPPED_SECONDS, Paced
from tests.support.audio.recordings import Heard, babble


class Time:
    """A clock that moves only when someone sleeps or works."""

    def __init__(self) -> None:
        self.now = 100.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def paced(seconds: float, time: Time, rate: int = 16000) -> Paced:
    return Paced(ArraySource(babble(seconds, rate), rate), time.clock, time.sleep)


def test_samples_come_in_blocks_of_20_ms_each_when_its_last_sample_is_due() -> None:
    time = Time()
    source = paced(1.03, time)
    source.open(16000)
    heard: list[np.ndarray] = []
    while True:
        piece = source.read()
        if piece is None:
            break
        heard.append(piece)
        said = sum(len(part) for part in heard) / 16000
        assert time.now == pytest.approx(100.0 + said)
        assert len(piece) <= 320 and source.delay_s == pytest.approx(0, abs=1e-9)
    np.testing.assert_array_equal(np.concatenate(heard), babble(1.03)[:, 0])


def test_a_late_reader_gets_what_it_missed_at_once_and_the_pace_does_not_drift() -> None:
    time = Time()
    source = paced(2.0, time)
    source.open(16000)
    said, waited = 0, []
    while True:
        piece = source.read()
        if piece is None:
            break
        said += len(piece)
        if said == len(piece):
            time.now += 0.5  # the reader is busy
        late = time.now - (100.0 + said / 16000)
        assert late >= -1e-9
        if late < 1e-9:
            waited.append(said)
    assert waited[0] == pytest.approx(0.52 * 16000, abs=320)  # then it had caught up
    assert time.now == pytest.approx(102.0)


def test_it_is_live_and_named_and_as_long_as_its_recording() -> None:
    source = Paced(ArraySource(babble(2.0), 16000, name="talk"))
    source.open(16000)
    assert (source.live, source.name, source.seconds) == (True, "talk", 2.0)


def test_stopping_wakes_a_waiting_reader() -> None:
    """The clock stands still, so only `stop` can end the wait."""
    source = Paced(ArraySource(np.ones(32000, np.float32), 16000), clock=lambda: 0.0)
    source.open(16000)
    ends: list[object | None] = []
    reader = threading.Thread(target=lambda: ends.append(source.read()))
    reader.start()
    source.stop()
    reader.join(60)
    assert ends == [None]


def test_a_paced_recording_has_the_samples_of_the_recording() -> None:
    time = Time()
    heard = Heard(paced(0.5, time, rate=44100))
    np.testing.assert_array_equal(
        heard.samples, Heard(ArraySource(babble(0.5, 44100), 44100)).samples
    )


@pytest.mark.parametrize("stopped_s", [STOPPED_SECONDS + 1, 3600.0])
def test_after_a_stop_the_recording_goes_on_where_it_was(stopped_s: float) -> None:
    time = Time()
    source = paced(4.0, time)
    source.open(16000)
    heard = 0
    while time.now < 101.0:
        heard += len(piece) if (piece := source.read()) is not None else 0
    time.now += stopped_s
    while (piece := source.read()) is not None:
        heard += len(piece)
        assert source.delay_s < 0.05
    assert heard == 4 * 16000
    assert time.now == pytest.approx(104.0 + stopped_s, abs=0.05)
