"""Voice activity, rules on trailing silence, levels, recent audio."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.endpointing import rules
from streamer.endpointing.endpointer import Endpointer
from streamer.endpointing.rules import DEFAULT_RULES, first_rule, make_rules
from streamer.endpointing.settings import RATE_HZ, EndpointSettings
from streamer.endpointing.voice_activity import CHUNK_SAMPLES, Chunk, VoiceActivity
from streamer.engine.level_meter import LevelMeter
from streamer.engine.recent_audio import RecentAudio
from tests.conftest import SHARED, needs_shared

SPEECH = SHARED / "speech"


def name_of_rule(has_words: bool, silence_s: float, utterance_s: float) -> str | None:
    rule = first_rule(DEFAULT_RULES, has_words, silence_s, utterance_s)
    return None if rule is None else rule.name


def test_silence_after_words_ends_an_utterance_sooner_than_silence_without() -> None:
    assert name_of_rule(True, rules.SILENCE_AFTER_WORDS_S, 2.0) == "silence after words"
    assert name_of_rule(False, rules.SILENCE_AFTER_WORDS_S, 2.0) is None
    assert name_of_rule(False, rules.SILENCE_WITHOUT_WORDS_S, 2.0) == "silence with nothing said"


def test_a_breath_ends_only_a_long_utterance() -> None:
    assert name_of_rule(True, rules.BREATH_S, rules.LONG_UTTERANCE_S - 0.1) is None
    assert (
        name_of_rule(True, rules.BREATH_S, rules.LONG_UTTERANCE_S) == "breath in a long utterance"
    )


def test_the_cap_needs_no_silence() -> None:
    assert name_of_rule(True, 0.0, rules.LONGEST_UTTERANCE_S - 0.1) is None
    assert name_of_rule(True, 0.0, rules.LONGEST_UTTERANCE_S) == rules.CAP


def test_every_value_of_the_rules_can_be_set() -> None:
    patient = make_rules(silence_after_words_s=5.0, longest_utterance_s=100.0)
    assert first_rule(patient, True, 1.5, 6.0) is None
    assert first_rule(patient, True, 1.5, 99.0) is not None  # a breath, by then


@pytest.mark.parametrize("spoken", [False, True])
def test_silence_ends_short_utterances_too_and_only_what_has_words_ends_at_a_breath(
    spoken: bool,
) -> None:
    quick = make_rules(0.4, 0.2, long_utterance_s=2.0, breath_s=0.1, longest_utterance_s=3.0)

    def rule(silence_s: float, utterance_s: float) -> str | None:
        found = first_rule(quick, spoken, silence_s, utterance_s)
        return None if found is None else found.name

    assert rule(0.4, 0.4) == "silence with nothing said"
    assert rule(0.2, 0.2) == ("silence after words" if spoken else None)
    assert rule(0.1, 2.0) == ("breath in a long utterance" if spoken else None)
    assert rule(0.0, 3.0) == rules.CAP


def chunks(probabilities: list[float]) -> list[Chunk]:
    nothing = np.zeros(CHUNK_SAMPLES, np.float32)
    return [Chunk(i * CHUNK_SAMPLES, nothing, p) for i, p in enumerate(probabilities)]


def test_beginning_takes_more_than_continuing() -> None:
    between = (EndpointSettings().onset_probability + EndpointSettings().offset_probability) / 2
    endpointer = Endpointer()
    begun = [endpointer.feed(chunk) for chunk in chunks([between, 0.9, between, between])]
    assert [position is not None for position in begun] == [False, True, False, False]
    assert endpointer.speaking


def test_an_utterance_begins_by_the_pre_roll_before_its_onset() -> None:
    endpointer = Endpointer()
    positions = [endpointer.feed(chunk) for chunk in chunks([0.0] * 50 + [0.9])]
    assert EndpointSettings().pre_roll_s >= 0.3
    assert positions[-1] == 50 * CHUNK_SAMPLES - round(EndpointSettings().pre_roll_s * RATE_HZ)


def test_an_utterance_never_begins_before_the_end_of_the_previous_one() -> None:
    endpointer = Endpointer()
    for chunk in chunks([0.9] * 10):
        endpointer.feed(chunk)
    endpointer.end(10 * CHUNK_SAMPLES, 9 * CHUNK_SAMPLES)
    again = Chunk(10 * CHUNK_SAMPLES, np.zeros(CHUNK_SAMPLES, np.float32), 0.9)
    assert endpointer.feed(again) == 10 * CHUNK_SAMPLES


class Scripted:
    """A detector that returns the first sample of a chunk as its probability."""

    def probabilities(self, chunks: np.ndarray) -> list[float]:  # type: ignore[type-arg]
        return chunks[:, 0].tolist()  # type: ignore[no-any-return]

    def reset(self) -> None:
        pass


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 1500), max_size=20))
def test_chunks_do_not_depend_on_the_sizes_of_the_blocks(sizes: list[int]) -> None:
    samples = np.linspace(0, 1, sum(sizes), dtype=np.float32)
    voice = VoiceActivity(Scripted())
    voice.reset(7)
    found, start = [], 0
    for size in sizes:
        found += voice.feed(samples[start : start + size])
        start += size
    assert [chunk.position for chunk in found] == [
        7 + i * CHUNK_SAMPLES for i in range(len(samples) // CHUNK_SAMPLES)
    ]
    rest = voice.finish()
    assert (rest is None) == (len(samples) % CHUNK_SAMPLES == 0)
    whole = np.concatenate([chunk.samples for chunk in found]) if found else samples[:0]
    assert np.array_equal(whole, samples[: len(whole)])


def test_the_last_chunk_is_padded() -> None:
    voice = VoiceActivity(Scripted())
    assert voice.finish() is None
    voice.feed(np.full(10, 0.5, np.float32))
    chunk = voice.finish()
    assert chunk is not None
    assert chunk.probability == 0.5
    assert len(chunk.samples) == CHUNK_SAMPLES


def probabilities(voice: VoiceActivity, samples: np.ndarray) -> list[float]:  # type: ignore[type-arg]
    return [chunk.probability for chunk in voice.feed(samples.astype(np.float32))]


def test_a_stream_does_not_affect_the_next_one() -> None:
    voice = VoiceActivity()
    noise = 0.1 * np.random.default_rng(0).standard_normal(16000)
    fresh = probabilities(voice, noise)
    probabilities(voice, 3 * noise[::-1])
    voice.reset()
    assert probabilities(voice, noise) == fresh


@pytest.mark.parametrize("amplitude", [0.0, 1e-3, 1e-2, 0.1, 0.5, 3.0])
def test_noise_of_any_level_is_not_a_voice(amplitude: float) -> None:
    noise = amplitude * np.random.default_rng(1).standard_normal(20 * RATE_HZ)
    assert max(probabilities(VoiceActivity(), noise)) < EndpointSettings().onset_probability


@needs_shared
def test_read_sentences_are_voices() -> None:
    import soundfile

    for path in sorted((SPEECH / "librispeech-train-clean-100").glob("*.opus"))[:5]:
        samples, _ = soundfile.read(path, dtype="float32")
        found = probabilities(VoiceActivity(), samples)
        assert np.mean(np.array(found) > EndpointSettings().offset_probability) > 0.6


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 50), max_size=30), st.data())
def test_recent_audio_returns_what_was_appended(sizes: list[int], data: st.DataObject) -> None:
    history = RecentAudio(100)
    stream = np.arange(100, 100 + sum(sizes), dtype=np.float32)
    start = 0
    for size in sizes:
        history.append(stream[start : start + size])
        start += size
        history.forget(100 + start - 60)
    assert history.end == 100 + len(stream)
    position = data.draw(st.integers(history.begin, history.end))
    assert history.begin <= max(100, history.end - 60)
    assert np.array_equal(history.since(position), stream[position - 100 :])


def test_recent_audio_fills_short_gaps_and_drops_what_is_before_long_ones() -> None:
    history = RecentAudio()
    ones = np.ones(3, np.float32)
    history.append_at(0, ones, 4)
    history.append_at(7, ones, 4)
    found = history.between(1, 9)
    assert found is not None and found.tolist() == [1, 1, 0, 0, 0, 0, 1, 1]
    for position in (15, 2):  # a gap of 5, and a step back
        history.append_at(position, ones, 4)
        assert (history.begin, history.end) == (position, position + 3)


def test_recent_audio_has_no_samples_between_positions_that_it_lacks() -> None:
    history = RecentAudio(100)
    history.append(np.ones(50, np.float32))
    assert history.between(90, 120) is None
    assert history.between(120, 151) is None
    found = history.between(100, 150)
    assert found is not None and len(found) == 50


def test_a_meter_measures_level_peak_and_clipping() -> None:
    meter = LevelMeter()
    assert meter.take() == (-100.0, -100.0, False)
    meter.feed(np.array([0.5, -0.5, 0.5, -0.5], np.float32))
    level = meter.take()
    assert level.level_dbfs == level.peak_dbfs == pytest.approx(20 * math.log10(0.5))
    assert not level.clipped
    meter.feed(np.array([0.0, -1.0], np.float32))
    assert meter.take().clipped
    assert meter.take().level_dbfs == -100.0
