"""The written form of a stream: where sentences end, and what is never taken back."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.endpointing.voice_activity import VoiceActivity
from streamer.engine.recogniser import Recogniser
from streamer.engine.settings import RecogniserSettings
from streamer.engine.written_stream import WrittenStream
from streamer.events import Close, Event, Final, Partial, Stats, Word, written_text
from streamer.text.casings import Casings
from streamer.text.model import TextModel, find_text_model
from streamer.text.options import VERBATIM, WritingOptions
from tests.support.audio.coded_speech import LoudnessDetector, make_stages, silence, speech
from tests.text.test_written import MODELS, WORDS

PLAIN = TextModel(Casings(["London"]))


def transcribe(*parts: Any, model: TextModel | None = PLAIN, **options: Any) -> list[Event]:
    voice = VoiceActivity(LoudnessDetector())
    recogniser = Recogniser(make_stages(), RecogniserSettings(**options), voice, text_model=model)
    return recogniser.feed(np.concatenate(parts)) + recogniser.finish()


def shape(events: list[Event]) -> list[str]:
    shown = {Final: "final", Close: "close", Stats: "stats"}
    return [shown[type(e)] for e in events if not isinstance(e, (Partial, Stats))]


def test_a_sentence_is_closed_after_a_silence_and_at_the_end() -> None:
    events = transcribe(silence(0.5), speech("we saw london"), silence(2.5), speech("go"))
    assert shape(events) == ["final", "close", "final", "close"]
    assert written_text(events) == "We saw London. Go."
    assert isinstance(events[-1], Stats)
    assert [event.seq for event in events] == list(range(len(events)))


def test_the_close_comes_a_second_and_a_half_after_the_last_word() -> None:
    events = transcribe(silence(0.5), speech("hello"), silence(4.0))
    (final,) = (event for event in events if isinstance(event, Final))
    (close,) = (event for event in events if isinstance(event, Close))
    assert close.segment == final.segment
    assert 1.5 <= close.time - final.words[-1].end < 1.6


def test_a_short_pause_leaves_the_sentence_open() -> None:
    events = transcribe(speech("hello there"), silence(1.1), speech("go"), silence(0.3))
    assert shape(events) == ["final", "final", "close"]
    assert written_text(events) == "Hello there go."


def test_a_long_silence_begins_a_paragraph() -> None:
    events = transcribe(speech("hello"), silence(4.0), speech("go"), silence(0.3))
    assert written_text(events) == "Hello.\n\nGo."


def test_without_a_text_model_words_stay_as_they_are() -> None:
    events = transcribe(speech("hello"), silence(4.0), speech("go"), silence(0.3), model=None)
    assert written_text(events) == "hello go"
    for event in events:
        if isinstance(event, (Partial, Final)):
            assert event.display == event.text
        if isinstance(event, Partial):
            assert event.display_stable == event.stable


def test_verbatim_has_the_words_and_no_marks() -> None:
    events = transcribe(speech("saw london"), silence(2.5), speech("go"), writing=VERBATIM)
    assert written_text(events) == "saw london go"


def test_numbers_and_marks_can_be_left_out() -> None:
    parts = speech("twenty four cats"), silence(0.3)
    assert written_text(transcribe(*parts)) == "24 cats."
    no_numbers = WritingOptions(numbers=False)
    assert written_text(transcribe(*parts, writing=no_numbers)) == "Twenty four cats."
    no_marks = WritingOptions(punctuation=False)
    assert written_text(transcribe(*parts, writing=no_marks)) == "24 cats"


def test_partials_do_not_change_what_is_displayed() -> None:
    parts = speech("once upon a time there was a king"), silence(1.0), speech("who"), silence(2.0)
    with_partials = transcribe(*parts)
    without = transcribe(*parts, partials=False)
    assert not any(isinstance(event, Partial) for event in without)
    assert [event.seq for event in without] == list(range(len(without)))
    assert written_text(with_partials) == written_text(without)


def test_english_has_a_text_model_in_all_its_countries() -> None:
    assert find_text_model("en") is not None
    assert find_text_model("en-GB") is find_text_model("EN_us") is find_text_model("en")
    assert find_text_model("") is find_text_model("xx") is find_text_model("../en") is None


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_nothing_stable_is_taken_back_whatever_is_heard(seed: int) -> None:
    random = Random(seed)
    stream = WrittenStream(random.choice(MODELS), WritingOptions())
    now = 0.0
    for _ in range(3):
        now += random.uniform(0, 4)
        words = random.choices(WORDS, k=random.randint(1, 12))
        shown = ""
        n_stable = 0
        while n_stable < len(words):
            n_stable = min(n_stable + random.randint(0, 3), len(words))
            heard = words[:n_stable] + random.choices(WORDS, k=random.randint(0, 3))
            partial = stream.partial(
                " ".join(heard), " ".join(words[:n_stable]), timed(heard, now, random)
            )
            assert partial.text.startswith(partial.stable)
            assert partial.stable.startswith(shown)
            shown = partial.stable
        final = stream.final(" ".join(words), timed(words, now, random), now + 10)
        assert final.text.startswith(shown)
        now += 10
        if stream.is_due(now + random.uniform(0, 3)):
            assert stream.close() is not None


def timed(words: list[str], begin: float, random: Random) -> tuple[Word, ...]:
    """Words with times that differ from hypothesis to hypothesis."""
    step = 0.3 + random.uniform(0, 0.4)
    return tuple(
        Word(word, begin + k * step, begin + k * step + 0.3, 1.0) for k, word in enumerate(words)
    )
