"""Latency of words: counted from a word's end, for words that the final has right."""

from __future__ import annotations

import pytest

from benchmarks.latency import Timed, clip_latencies, first_times
from streamer import Final, Partial


def partial(text: str, stable: str, segment: int = 0) -> Partial:
    return Partial(segment, 0, 0.0, 1.0, text, stable)


def final(text: str, segment: int = 0) -> Final:
    return Final(segment, 0, 0.0, 1.0, text, text)


UTTERANCE = [
    Timed(partial("a", ""), 1.0),
    Timed(partial("the cap", "the"), 2.0),
    Timed(partial("the cat sat", "the "), 3.0),
    Timed(final("the cat sat"), 4.0),
]


def test_a_word_is_shown_in_its_place_and_stable_when_it_cannot_grow() -> None:
    assert first_times(UTTERANCE) == [(2.0, 3.0, 4.0), (3.0, 4.0, 4.0), (3.0, 4.0, 4.0)]


def test_only_what_the_final_has_right_counts_and_from_its_own_end() -> None:
    found = list(clip_latencies(UTTERANCE, ["the", "dog", "sat"], [0.5, 1.5, 2.75]))
    assert found == [
        ("shown", 1.5), ("stable", 2.5), ("final", 3.5),
        ("shown", 0.25), ("stable", 1.25), ("final", 1.25), ("silence", 1.25),
    ]  # fmt: skip


def test_utterances_are_joined_and_each_has_a_last_word() -> None:
    second = [Timed(partial("down", "", 1), 6.0), Timed(final("down", 1), 7.0)]
    transcript, ends = ["the", "cat", "sat", "down"], [0.5, 1.5, 2.75, 5.5]
    found = list(clip_latencies([*UTTERANCE, *second], transcript, ends))
    assert [latency for kind, latency in found if kind == "silence"] == [1.25, 1.5]
    assert sum(latency for kind, latency in found if kind == "shown") == pytest.approx(3.75)
