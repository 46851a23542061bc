"""Finals wait for another engine, in order, and no longer than they may."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streamer.errors import UsageError
from streamer.events import Close, Final, Gap, Notice
from streamer.finals import FinalsChoice, Said, SecondOpinion
from streamer.finals.process import Request
from streamer.finals.second_opinion import TIMEOUT_S
from streamer.text.options import VERBATIM, WritingOptions
from tests.support.events import final, partial, stats

RATE_HZ = 16000


class Engine:
    """Answers when the test says so."""

    choice = FinalsChoice("whisper", "base.en")

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.instant: Said | None = None

    def start(self) -> None: ...

    def close(self) -> None: ...

    def submit(self, samples: Any) -> Request:
        request = Request(samples)
        self.requests.append(request)
        if self.instant is not None:
            request.finish(self.instant)
        return request


class Stream:
    """A second opinion on a clock of its own."""

    def __init__(self, live: bool = True, options: WritingOptions | None = None) -> None:
        self.engine = Engine()
        self.now = 0.0
        self.stage = SecondOpinion(
            self.engine,  # type: ignore[arg-type]
            options or WritingOptions(),
            clock=lambda: self.now,
        )
        self.stage.begin("english", None, live)
        self.stage.hear(0, np.zeros(60 * RATE_HZ, np.float32))


def test_a_final_comes_when_the_engine_has_answered() -> None:
    stream = Stream()
    assert stream.stage.process([final("to the see")]) == []
    stream.engine.requests[0].finish(Said("To the sea."))
    (event,) = stream.stage.process([])
    assert isinstance(event, Final)
    assert (event.text, event.display, event.engine) == (
        "to the sea",
        "To the sea",
        "whisper:base.en",
    )
    assert event.alternatives[0] == "to the see"


def test_the_engine_gets_the_samples_of_the_utterance() -> None:
    stream = Stream()
    stream.stage.begin("english", None, True)
    samples = np.arange(5 * RATE_HZ, dtype=np.float32)
    for start in range(0, len(samples), 4096):
        stream.stage.hear(start, samples[start : start + 4096])
    stream.stage.process([final("one", start=1.5, end=3.25)])
    np.testing.assert_array_equal(
        stream.engine.requests[0].samples, samples[round(1.5 * RATE_HZ) : round(3.25 * RATE_HZ)]
    )


def test_words_of_before_a_gap_keep_their_place() -> None:
    stream = Stream()
    stream.stage.begin("english", None, True)
    stream.stage.hear(0, np.ones(RATE_HZ, np.float32))
    stream.stage.hear(3 * RATE_HZ, np.full(RATE_HZ, 2, np.float32))
    stream.stage.process([final("one", 0, 0.0, 1.0), final("two", 1, 3.0, 4.0)])
    one, two = (request.samples for request in stream.engine.requests)
    assert one.tolist() == [1] * RATE_HZ and two.tolist() == [2] * RATE_HZ


def test_a_final_of_before_a_long_gap_is_not_judged_by_what_came_after() -> None:
    stream = Stream()
    stream.stage.begin("english", None, True)
    stream.stage.hear(0, np.ones(RATE_HZ, np.float32))
    stream.stage.hear(100 * RATE_HZ, np.full(2 * RATE_HZ, 2, np.float32))
    stream.stage.process([final("one", 0, 0.0, 1.0)])
    assert not stream.engine.requests


def test_the_next_utterance_goes_on_while_a_final_waits() -> None:
    stream = Stream()
    events = stream.stage.process([final("one"), partial("two", segment=1), stats()])
    assert [type(event).__name__ for event in events] == ["Partial", "Stats"]


def test_finals_closes_and_gaps_keep_their_order() -> None:
    stream = Stream()
    first, second = final("one", 0), final("two", 1, 2.0, 3.0, join=" ")
    stream.stage.process([first, Gap(1, 1.0, 2.0, RATE_HZ), second, Close(1, 3, 4.0, ".")])
    stream.engine.requests[1].finish(Said("Two."))
    assert stream.stage.process([]) == []
    stream.engine.requests[0].finish(Said("One."))
    events = stream.stage.process([])
    assert [type(event).__name__ for event in events] == ["Final", "Gap", "Final", "Close"]


def test_events_are_numbered_in_the_order_in_which_they_come() -> None:
    stream = Stream()
    events = stream.stage.process([final("one"), partial("two", segment=1)])
    stream.engine.requests[0].finish(Said("One."))
    events += stream.stage.process([stats()])
    assert [event.seq for event in events] == [0, 1, 2]


def test_ours_stands_when_the_engine_is_late_and_one_notice_says_so() -> None:
    stream = Stream()
    stream.stage.process([final("one", 0), final("two", 1, 1.0, 2.0)])
    stream.now = TIMEOUT_S - 0.01
    assert stream.stage.process([]) == []
    stream.now = TIMEOUT_S
    events = stream.stage.process([])
    assert [type(event).__name__ for event in events] == ["Final", "Notice", "Final"]
    assert isinstance(events[0], Final) and isinstance(events[1], Notice)
    assert (events[0].text, events[0].engine) == ("one", "english")
    assert "late" in events[1].what
    assert all(request.abandoned for request in stream.engine.requests)


def test_ours_stands_when_the_engine_fails_hears_nothing_or_repeats_itself() -> None:
    for answer in (None, Said(""), Said("no. " * 50)):
        stream = Stream()
        stream.stage.process([final("one two")])
        stream.engine.requests[0].finish(answer, "it broke" if answer is None else "")
        event, *notices = stream.stage.process([])
        assert isinstance(event, Final)
        assert (event.text, event.engine) == ("one two", "english")
        assert [getattr(notice, "what", None) for notice in notices] == (
            ["--finals whisper:base.en failed: it broke"] if answer is None else []
        )


def test_the_waiting_counts_as_latency() -> None:
    stream = Stream()
    stream.stage.process([final("one", latency_ms=200.0)])
    stream.now = 0.3
    stream.engine.requests[0].finish(Said("One."))
    (event,) = stream.stage.process([])
    assert isinstance(event, Final) and event.latency_ms == pytest.approx(500.0)


def test_a_recording_waits_for_every_final() -> None:
    stream = Stream(live=False)
    stream.engine.instant = Said("One.")
    (event,) = stream.stage.process([final("won")])
    assert isinstance(event, Final) and event.text == "one"


def test_the_end_of_a_stream_waits_for_the_last_final() -> None:
    stream = Stream()
    stream.stage.process([final("won"), Close(0, 1, 1.0, ".")])
    stream.engine.requests[0].finish(Said("One!"))
    events = stream.stage.finish()
    assert [event.display for event in events if isinstance(event, (Final, Close))] == ["One", "!"]


def displays(stream: Stream, *finals: tuple[Final, Said | None]) -> str:
    text = ""
    for each, said in finals:
        stream.stage.process([each])
        stream.engine.requests[-1].finish(said)
        for event in stream.stage.process([]):
            if isinstance(event, Final):
                text += event.join + event.display
    for event in stream.stage.process([Close(9, 9, 9.0, ".")]):
        assert isinstance(event, Close)
        text += event.display
    return text


def test_an_engine_that_writes_is_left_its_marks_and_capitals() -> None:
    text = displays(
        Stream(),
        (final("is it", 0), Said("Is it MacDonald?")),
        (final("yes", 1, 1.0, 2.0, join=" "), Said("Yes, it is!")),
    )
    assert text == "Is it MacDonald? Yes, it is!"


def test_sentences_stay_sentences_where_ours_and_theirs_meet() -> None:
    ours = final("he came", 1, 1.0, 2.0, join=" ", display="he came")
    last = final("well", 2, 2.0, 3.0, join=" ", display="well")
    stream = Stream()
    assert displays(stream, (final("so", 0), Said("So.")), (ours, None), (last, Said("Well."))) == (
        "So. He came. Well."
    )


def test_no_marks_and_capitals_where_none_are_wanted() -> None:
    stream = Stream(options=VERBATIM)
    two = final("yes", 1, 1.0, 2.0, join=" ")
    assert displays(stream, (final("so", 0), Said("So, so!")), (two, Said("Yes."))) == "so so yes."


def test_words_of_an_engine_without_writing_are_written_by_us() -> None:
    stream = Stream()
    text = displays(stream, (final("won", 0), Said("one day", written=False)))
    assert text == "one day"  # there is no text model here


def test_a_time_limit_is_positive() -> None:
    with pytest.raises(UsageError, match="finals-timeout"):
        SecondOpinion(Engine(), WritingOptions(), 0.0)  # type: ignore[arg-type]
