"""The recogniser, on coded speech whose words are known to the sample."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.endpointing.rules import make_rules
from streamer.endpointing.settings import EndpointSettings
from streamer.endpointing.voice_activity import VoiceActivity
from streamer.engine.recogniser import Recogniser
from streamer.engine.settings import RecogniserSettings
from streamer.events import Event, Final, Gap, Partial, Stats
from tests.support.audio.coded_speech import (
    LETTER_SAMPLES,
    RATE_HZ,
    LoudnessModel,
    make_recogniser,
    make_stages,
    silence,
    speech,
)

STORY = "once upon a time there was a king who had a daughter as fair as the day"


def transcribe(recogniser: Recogniser, samples: Any, block: int = 1600) -> list[Event]:
    recogniser.reset()
    events: list[Event] = []
    for start in range(0, len(samples), block):
        events += recogniser.feed(samples[start : start + block])
    return events + recogniser.finish()


def finals(events: Iterable[Event]) -> list[Final]:
    return [event for event in events if isinstance(event, Final)]


def texts(events: Iterable[Event]) -> list[str]:
    return [final.text for final in finals(events)]


def join(*parts: Any) -> Any:
    return np.concatenate(parts)


def model_of(recogniser: Recogniser) -> LoudnessModel:
    model = recogniser._stages.model
    assert isinstance(model, LoudnessModel)
    return model


def long_speech(words: int, seed: int = 0) -> str:
    random = np.random.default_rng(seed)
    vocabulary = STORY.split()
    return " ".join(vocabulary[i] for i in random.integers(0, len(vocabulary), words))


MIXED = join(
    silence(0.7), speech("hello there"), silence(1.1), speech("go"), silence(0.4),
    speech("on"), silence(2.3), speech("x"), silence(0.3),
)  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 9000), min_size=1, max_size=40))
def test_events_do_not_depend_on_the_sizes_of_the_blocks(cuts: list[int]) -> None:
    recogniser = make_recogniser()
    whole = transcribe(recogniser, MIXED, len(MIXED))
    recogniser.reset()
    events: list[Event] = []
    start = 0
    for size in cuts:
        events += recogniser.feed(MIXED[start : start + size])
        start += size
    events += recogniser.feed(MIXED[start:])
    events += recogniser.finish()
    assert events == whole


def test_samples_one_by_one_give_the_same_events() -> None:
    samples = MIXED[: 3 * RATE_HZ]
    recogniser = make_recogniser()
    assert transcribe(recogniser, samples, 1) == transcribe(recogniser, samples, 48000)


def test_a_pause_ends_an_utterance_and_a_short_one_does_not() -> None:
    assert texts(transcribe(make_recogniser(), MIXED)) == ["hello there", "goon", "x"]


@pytest.mark.parametrize("before", [0.0, 0.01, 0.1, 0.5, 3.0])
@pytest.mark.parametrize("after", [0.0, 0.02, 0.4, 2.0])
def test_first_and_last_words_are_complete(before: float, after: float) -> None:
    samples = join(silence(before), speech(STORY[:40]), silence(after))
    assert texts(transcribe(make_recogniser(), samples)) == [STORY[:40].strip()]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 40000), st.sampled_from(["a", "go", "yes", "no"]))
def test_a_single_short_word_is_recognised_wherever_it_is(offset: int, word: str) -> None:
    samples = join(np.zeros(offset, np.float32), speech(word), silence(0.2))
    assert texts(transcribe(make_recogniser(), samples)) == [word]


def test_the_pre_roll_has_a_beginning_that_voice_activity_misses() -> None:
    recogniser = make_recogniser()
    detector = recogniser._voice._detector
    judge = detector.probabilities
    loud = 0

    def deaf_for_a_quarter_of_a_second(chunks: Any) -> list[float]:
        nonlocal loud
        found = []
        for probability in judge(chunks):
            loud += probability > 0.5
            found.append(probability if loud > 8 else 0.0)
        return found

    detector.probabilities = deaf_for_a_quarter_of_a_second  # type: ignore[method-assign]
    samples = join(silence(1.0), speech("softly spoken"), silence(1.0))
    assert texts(transcribe(recogniser, samples)) == ["softly spoken"]


def test_words_right_after_an_endpoint_are_complete() -> None:
    # The next utterance begins right after the silence that ended the previous one.
    for pause_s in np.arange(0.80, 1.0, 0.013):
        samples = join(speech("first"), silence(float(pause_s)), speech("second"), silence(0.3))
        assert "".join(texts(transcribe(make_recogniser(), samples))) == "firstsecond", pause_s


def test_silence_never_reaches_the_network_and_has_no_words() -> None:
    recogniser = make_recogniser()
    events = transcribe(recogniser, silence(60.0), 4000)
    assert model_of(recogniser).calls == 0
    assert not [e for e in events if isinstance(e, (Partial, Final))]


def test_after_an_utterance_the_network_rests_again() -> None:
    recogniser = make_recogniser()
    transcribe(recogniser, join(speech("hello"), silence(1.2)))
    calls = model_of(recogniser).calls
    transcribe(recogniser, join(speech("hello"), silence(60.0)), 4000)
    assert model_of(recogniser).calls - calls == calls


def test_a_click_has_no_words_even_if_the_network_finds_letters() -> None:
    click = speech("q")[:500]  # loud for one chunk: less than any voice is
    samples = join(np.zeros(5120, np.float32), click, silence(3.0))
    events = transcribe(make_recogniser(), samples)
    assert not [e for e in events if isinstance(e, (Partial, Final))]


class Moody:
    """A detector that takes sound for a voice now and then, and is never certain."""

    def __init__(self) -> None:
        self._chunks = 0

    def probabilities(self, chunks: Any) -> list[float]:
        found = []
        for chunk in chunks:
            self._chunks += 1
            found.append(0.8 if chunk.any() and self._chunks % 3 == 0 else 0.1)
        return found

    def reset(self) -> None:
        pass


def test_a_sound_that_resembles_a_voice_for_moments_has_no_words() -> None:
    recogniser = Recogniser(make_stages(), None, VoiceActivity(Moody()))
    events = transcribe(recogniser, join(speech("la la la"), silence(2.0)))
    assert model_of(recogniser).calls > 0
    assert not [e for e in events if isinstance(e, (Partial, Final))]


def test_a_voice_without_words_has_none_and_ends() -> None:
    hum = np.full(30 * RATE_HZ, 0.01, np.float32)
    recogniser = make_recogniser()
    events = transcribe(recogniser, join(hum, silence(1.0)))
    assert not [e for e in events if isinstance(e, (Partial, Final))]


@pytest.mark.parametrize("seed", range(3))
def test_speech_without_a_pause_is_cut_between_words_and_loses_nothing(seed: int) -> None:
    text = long_speech(150, seed)
    events = transcribe(make_recogniser(), speech(text))
    assert len(finals(events)) > 2
    assert " ".join(texts(events)) == text
    assert max(final.end - final.start for final in finals(events)) <= 20.0 + 0.1


def test_a_long_utterance_ends_at_a_breath() -> None:
    words = long_speech(33).split()
    parts = [join(speech(" ".join(words[i : i + 11])), silence(0.3)) for i in range(0, 33, 11)]
    samples = join(*parts)
    rules = make_rules(long_utterance_s=3.0)
    recogniser = make_recogniser(RecogniserSettings(EndpointSettings(rules=rules)))
    assert texts(transcribe(recogniser, samples)) == [
        " ".join(words[i : i + 11]) for i in range(0, 33, 11)
    ]


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_events_are_consistent_over_a_whole_stream(seed: int) -> None:
    random = np.random.default_rng(seed)
    parts = []
    for _ in range(random.integers(1, 6)):
        parts.append(silence(float(random.uniform(0, 2))))
        parts.append(speech(long_speech(int(random.integers(1, 40)), seed)))
    rules = make_rules(long_utterance_s=3.0, longest_utterance_s=5.0)
    recogniser = make_recogniser(RecogniserSettings(EndpointSettings(rules=rules)))
    events: list[Event] = []
    samples = join(*parts)
    for start in range(0, len(samples), 4000):
        events += recogniser.feed(samples[start : start + 4000])
        if random.random() < 0.02:
            events += recogniser.gap(int(random.integers(1, 40000)))
        if random.random() < 0.02:
            events += recogniser.end_utterance()
    events += recogniser.finish()
    check_stability(events)


def check_stability(events: list[Event]) -> None:
    """Check what the docstrings of the events say, over a whole stream."""
    assert [event.seq for event in events] == list(range(len(events)))
    segment, stable, end = 0, "", 0.0
    for event in events:
        if not isinstance(event, (Partial, Final)):
            continue
        assert event.segment == segment
        assert event.text.startswith(event.stable)
        assert event.text.startswith(stable)
        assert end <= event.start <= event.end
        clock = event.start
        for word in event.words:
            assert clock <= word.start <= word.end <= event.end
            assert 0.0 <= word.confidence <= 1.0
            clock = word.end
        stable = event.stable
        if isinstance(event, Final):
            assert event.text == event.stable == " ".join(word.word for word in event.words)
            assert event.text
            segment, stable, end = segment + 1, "", event.end


def test_words_have_the_times_at_which_they_were_said() -> None:
    samples = join(silence(1.0), speech("one two"), silence(1.5), speech("three"), silence(1.0))
    first, second = finals(transcribe(make_recogniser(), samples))
    (one, two), (three,) = first.words, second.words
    letter_s = LETTER_SAMPLES / RATE_HZ
    begin = 1.0
    assert one.start == pytest.approx(begin, abs=0.03)
    assert one.end == pytest.approx(begin + 3 * letter_s, abs=0.08)
    assert two.start == pytest.approx(begin + 4 * letter_s, abs=0.03)
    assert three.start == pytest.approx(begin + 7 * letter_s + 1.5, abs=0.03)


def test_a_gap_ends_the_utterance_and_time_goes_on() -> None:
    recogniser = make_recogniser()
    before, after = speech("before the"), speech("after")
    events = recogniser.feed(before) + recogniser.gap(32000) + recogniser.feed(after)
    events += recogniser.finish()
    assert texts(events) == ["before the", "after"]
    gap = next(event for event in events if isinstance(event, Gap))
    assert gap.samples == 32000
    assert gap.start == len(before) / RATE_HZ
    assert gap.end == gap.start + 2.0
    assert events.index(gap) > events.index(finals(events)[0])
    assert finals(events)[1].start == gap.end
    assert finals(events)[1].end == (len(before) + 32000 + len(after)) / RATE_HZ
    stats = events[-1]
    assert isinstance(stats, Stats)
    assert stats.lost_samples == 32000


def test_a_gap_of_no_samples_is_none() -> None:
    assert make_recogniser().gap(0) == []


def test_end_utterance_ends_it_at_once_and_the_next_one_is_complete() -> None:
    recogniser = make_recogniser()
    events = recogniser.feed(speech("now"))
    events += recogniser.end_utterance()
    assert texts(events) == ["now"]
    events += recogniser.feed(speech("then")) + recogniser.finish()
    assert texts(events) == ["now", "then"]
    check_stability(events)


def test_end_utterance_in_silence_has_no_events() -> None:
    recogniser = make_recogniser()
    recogniser.feed(silence(1.0))
    assert recogniser.end_utterance() == []


def test_a_stream_without_samples_has_only_stats() -> None:
    (stats,) = make_recogniser().finish()
    assert isinstance(stats, Stats)
    assert stats.time == 0.0


def test_a_stream_does_not_affect_the_next_one() -> None:
    recogniser = make_recogniser()
    fresh = transcribe(make_recogniser(), MIXED)
    transcribe(recogniser, speech("something else altogether"))
    assert transcribe(recogniser, MIXED) == fresh


def test_one_utterance_includes_all_pauses() -> None:
    recogniser = make_recogniser(RecogniserSettings(one_utterance=True))
    events = transcribe(recogniser, MIXED)
    assert [text.replace(" ", "") for text in texts(events)] == ["hellotheregoonx"]
    check_stability(events)


def test_partials_show_words_while_they_are_being_said() -> None:
    recogniser = make_recogniser()
    events = recogniser.feed(speech(STORY[:40]))
    partials = [event for event in events if isinstance(event, Partial)]
    assert partials
    assert STORY.startswith(partials[-1].text)
    # 16 steps, 9 steps of look-ahead and a frame: as soon as the network can know.
    assert partials[0].end <= (16 + 9) * 320 / RATE_HZ + 0.33
    assert len({partial.text for partial in partials}) == len(partials)


def test_partials_can_be_turned_off() -> None:
    events = transcribe(make_recogniser(RecogniserSettings(partials=False)), MIXED)
    assert not [event for event in events if isinstance(event, Partial)]
    assert texts(events) == ["hello there", "goon", "x"]


def test_stats_come_about_four_times_a_second() -> None:
    events = transcribe(make_recogniser(), join(silence(5.0), speech("hi"), silence(5.0)))
    stats = [event for event in events if isinstance(event, Stats)]
    assert 35 <= len(stats) <= 45
    assert any(event.speaking for event in stats)
    assert stats[0].level_dbfs == -100.0
    loudest = max(stats, key=lambda event: event.peak_dbfs)
    assert loudest.peak_dbfs == pytest.approx(20 * np.log10(0.03 * 10), abs=0.1)
    quiet = transcribe(make_recogniser(RecogniserSettings(stats=False)), silence(5.0))
    assert len(quiet) == 1


def test_samples_at_full_scale_are_reported_as_clipped() -> None:
    loud = np.ones(16000, np.float32)
    stats = [e for e in transcribe(make_recogniser(), loud) if isinstance(e, Stats)]
    assert stats[0].clipped
