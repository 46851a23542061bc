"""The endpointer alone, at the exact limits of its settings. Positions are in chunks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from streamer.endpointing.endpointer import Endpointer
from streamer.endpointing.rules import make_rules
from streamer.endpointing.settings import RATE_HZ, EndpointSettings
from streamer.endpointing.voice_activity import CHUNK_SAMPLES, Chunk

SECONDS = CHUNK_SAMPLES / RATE_HZ
VOICE, SOUND, SILENCE, SURE = 0.5, 0.25, 0.2, 0.9

SETTINGS = EndpointSettings(
    onset_probability=VOICE,
    offset_probability=SOUND,
    voice_probability=VOICE,
    least_voice_s=3 * SECONDS,
    sure_probability=SURE,
    voice_share=0.5,
    pre_roll_s=10 * SECONDS,
    fade_s=2 * SECONDS,
    longest_noise_s=32 * SECONDS,
    rules=make_rules(20 * SECONDS, 8 * SECONDS, 1000.0, 1000.0, 100 * SECONDS),
)


def listening(*probabilities: float, first: int = 0, **changed: float) -> Endpointer:
    """Return an endpointer that has heard chunks, the first at a position."""
    endpointer = Endpointer(replace(SETTINGS, **changed))
    hear(endpointer, *probabilities, first=first)
    return endpointer


def hear(endpointer: Endpointer, *probabilities: float, first: int = 0) -> list[float | None]:
    """Feed chunks; return where utterances began, in chunks."""
    nothing = np.zeros(CHUNK_SAMPLES, np.float32)
    begun = [
        endpointer.feed(Chunk((first + number) * CHUNK_SAMPLES, nothing, probability))
        for number, probability in enumerate(probabilities)
    ]
    return [None if position is None else position / CHUNK_SAMPLES for position in begun]


def rule(endpointer: Endpointer, position: int, last_word_end: int | None = None) -> str | None:
    word = None if last_word_end is None else last_word_end * CHUNK_SAMPLES
    found = endpointer.rule(position * CHUNK_SAMPLES, word)
    return None if found is None else found.name


def next_begins(
    endpointer: Endpointer, ends: int, last_word_end: int | None, onset: int | None = None
) -> float | None:
    """End an utterance; return where the next one begins that is heard at once, or later."""
    word = None if last_word_end is None else last_word_end * CHUNK_SAMPLES
    endpointer.end(ends * CHUNK_SAMPLES, word)
    return hear(endpointer, VOICE, first=ends if onset is None else onset)[0]


def test_a_chunk_right_at_a_threshold_counts() -> None:
    endpointer = Endpointer(SETTINGS)
    states = []
    for probability in (VOICE - 0.01, VOICE, SOUND, SILENCE, SOUND):
        hear(endpointer, probability)
        states.append((endpointer.in_utterance, endpointer.speaking))
    assert states == [(False, False), (True, True), (True, True), (True, False), (True, True)]


def test_a_stream_begins_at_its_first_sample() -> None:
    assert hear(Endpointer(SETTINGS), VOICE) == [0.0]


def test_nothing_is_left_after_a_reset_and_time_counts_from_there() -> None:
    endpointer = listening(*[SURE] * 300)
    endpointer.reset()
    assert not (endpointer.speaking or endpointer.in_utterance or endpointer.has_voice)
    assert rule(endpointer, 19) is None
    assert rule(endpointer, 20) == "silence with nothing said"
    endpointer.reset(300 * CHUNK_SAMPLES)
    assert rule(endpointer, 319) is None
    assert hear(endpointer, VOICE, first=305) == [300.0]


# Evidence of a voice


@pytest.mark.parametrize(
    ("probabilities", "enough"),
    [
        ([SURE] * 2, False),
        ([SURE, VOICE, VOICE], True),
        ([VOICE, VOICE, SURE], True),
        # Not sure: half of the time between the first and the last sound.
        ([VOICE] * 3 + [SOUND] * 3, True),
        ([VOICE] * 3 + [SOUND] * 4, False),
        ([VOICE] * 3 + [SILENCE] * 4, True),
        ([VOICE] * 3 + [SILENCE] * 3 + [SOUND], False),
        # Sure once is enough.
        ([SURE, VOICE, VOICE] + [SOUND] * 20, True),
        ([SURE - 0.01, VOICE, VOICE] + [SOUND] * 20, False),
        ([VOICE, VOICE, VOICE - 0.01], False),
    ],
)
def test_a_voice_takes_a_least_time_and_certainty_or_a_share(
    probabilities: list[float], enough: bool
) -> None:
    assert listening(*probabilities).has_voice == enough


def test_the_least_time_is_exact() -> None:
    one_more = 3 * SECONDS + 1 / RATE_HZ
    assert not listening(SURE, SURE, SURE, least_voice_s=one_more).has_voice
    assert listening(SURE, SURE, SURE, SURE, least_voice_s=one_more).has_voice


def test_each_utterance_needs_its_own_evidence() -> None:
    endpointer = listening(*[SURE] * 5)
    assert endpointer.has_voice
    endpointer.begin(5 * CHUNK_SAMPLES)
    assert not endpointer.has_voice
    hear(endpointer, *[SURE] * 5, first=5)
    endpointer.end(10 * CHUNK_SAMPLES, None)
    assert not (endpointer.has_voice or endpointer.speaking or endpointer.in_utterance)
    hear(endpointer, *[VOICE] * 3, *[SOUND] * 3, first=10)
    assert endpointer.has_voice
    hear(endpointer, SOUND, first=16)
    assert not endpointer.has_voice


# The end


def test_silence_counts_from_the_last_sound_or_the_last_word_whichever_is_later() -> None:
    endpointer = listening(*[VOICE] * 10, *[SILENCE] * 30, first=200, longest_noise_s=1000.0)
    assert rule(endpointer, 229) is None
    assert rule(endpointer, 230) == "silence with nothing said"
    assert rule(endpointer, 217, last_word_end=205) is None
    assert rule(endpointer, 218, last_word_end=205) == "silence after words"
    assert rule(endpointer, 221, last_word_end=214) is None
    assert rule(endpointer, 222, last_word_end=214) == "silence after words"


def test_long_noise_without_a_word_is_silence() -> None:
    endpointer = listening(*[VOICE] * 60, first=200)
    begin = 190  # by the pre-roll
    assert rule(endpointer, begin + 31) is None
    assert rule(endpointer, begin + 32) == "silence with nothing said"
    assert rule(endpointer, 241, last_word_end=210) is None
    assert rule(endpointer, 242, last_word_end=210) == "silence with nothing said"


def test_noise_that_is_too_short_for_the_rules_ends_nothing() -> None:
    endpointer = listening(*[VOICE] * 60, first=200, longest_noise_s=10 * SECONDS)
    assert rule(endpointer, 209) is None
    assert rule(endpointer, 210) == "silence with nothing said"


def test_the_length_counts_from_the_beginning_or_from_where_it_goes_on() -> None:
    endpointer = listening(*[VOICE] * 89, first=200)
    assert rule(endpointer, 289, last_word_end=285) is None
    hear(endpointer, VOICE, first=289)
    assert rule(endpointer, 290, last_word_end=285) == "cap on length"
    endpointer.go_on(191 * CHUNK_SAMPLES)
    assert rule(endpointer, 290, last_word_end=285) is None


# The next utterance


def test_it_may_begin_in_the_silence_at_the_end_of_the_previous_one_once_that_has_faded() -> None:
    spoken = [VOICE] * 10 + [SILENCE] * 10
    assert next_begins(listening(*spoken), ends=20, last_word_end=None) == 12
    assert next_begins(listening(*spoken), ends=20, last_word_end=8) == 12
    assert next_begins(listening(*spoken), ends=20, last_word_end=12) == 14
    assert next_begins(listening(*spoken), ends=11, last_word_end=None) == 11
    assert next_begins(listening(*spoken), ends=20, last_word_end=None, onset=30) == 20


def test_it_begins_at_a_cut_within_speech() -> None:
    assert next_begins(listening(*[VOICE] * 10), ends=5, last_word_end=4) == 5


def test_an_utterance_begun_by_hand_without_a_sound_has_nothing_that_fades_but_its_beginning() -> (
    None
):
    endpointer = listening(*[VOICE] * 3)
    endpointer.begin(15 * CHUNK_SAMPLES)
    assert next_begins(endpointer, ends=20, last_word_end=None) == 17
