"""The streaming decoder: stable words with any search, and bounded work."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.arrays import FloatArray
from streamer.decoding import DecodingSettings, create_decoder
from streamer.decoding.search.contract import Candidate, prime_with_letters
from streamer.decoding.search.ds import find_ds_package
from streamer.decoding.search.greedy import GreedySearch
from streamer.decoding.streaming import StreamingDecoder
from tests.support.decoders import (
    KINDS,
    SENTENCE,
    check_invariants,
    columns,
    hear,
    made,
    n_columns,
    random_rows,
)
from tests.support.posteriors import ENGLISH, chunks, posteriors


class Fickle:
    """A search whose candidates change completely with every chunk: the worst case."""

    name = "fickle"
    append_only = False
    context_words = 4

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        self.reset()

    def reset(self) -> None:
        self.rows: list[FloatArray] = []
        self.turn = getattr(self, "turn", 0)

    def feed(self, probabilities: FloatArray) -> None:
        self.rows.extend(probabilities)
        self.turn += 1

    def finish(self) -> None:
        self.turn += 1

    def prime(self, words: Sequence[str]) -> int:
        return prime_with_letters(self, ENGLISH, words)

    def is_word(self, letters: str) -> bool:
        return True

    def candidates(self, n: int) -> list:
        text = self.texts[self.turn % len(self.texts)][: len(self.rows)]
        labels = tuple(ENGLISH.encode(text))
        return [Candidate(0.0, text, tuple(range(len(text))), labels)]


@settings(max_examples=40, deadline=None)
@given(
    texts=st.lists(st.text("ab ", max_size=60), min_size=1, max_size=4),
    turns=st.integers(1, 60),
    hold=st.integers(1, 12),
)
def test_invariants_hold_for_a_search_that_contradicts_itself(
    texts: list[str], turns: int, hold: int
) -> None:
    steady = [text for text in texts for _ in range(hold)]
    decoder = StreamingDecoder(Fickle(steady), 29, 4, window_frames=60, longest_frames=120)
    check_invariants(*hear(decoder, random_rows(1, 1.0, turns * 16)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_cost_of_a_chunk_does_not_grow_with_the_utterance(kind: str) -> None:
    # Counted, not timed: frames fed to the search per chunk, and the length of its candidates.
    template = made(kind)
    assert isinstance(template, StreamingDecoder)
    search = template.search
    decoder = StreamingDecoder(search, n_columns(kind), 4, window_frames=200, longest_frames=500)
    sentence = columns(kind, posteriors(" ".join([SENTENCE] * 4), confusion=0.1))
    stepped: list[int] = []
    longest = 0
    with pytest.MonkeyPatch.context() as patch:
        step = search.feed
        patch.setattr(search, "feed", lambda rows: (stepped.append(len(rows)), step(rows)))
        for _ in range(4):
            for chunk in chunks(sentence):
                stepped.clear()
                decoder.feed(chunk)
                decoder.hypothesis()
                assert sum(stepped) <= 700
                longest = max([longest, *(c.frames[-1] for c in search.candidates(4) if c.text)])
    assert longest <= 700 < 4 * len(sentence)
    words = decoder.finish().words
    assert len(words) >= 0.9 * 4 * len(SENTENCE.split()) * 4
    assert words[-1].end_frame <= 4 * len(sentence)


def test_frames_are_bounded_even_if_no_word_becomes_stable() -> None:
    decoder = made("beam")
    check_invariants(*hear(decoder, random_rows(5, 1.0, 3000)))
    assert isinstance(decoder, StreamingDecoder)
    assert decoder._n_frames - decoder._origin <= 500


class Revisable(GreedySearch):
    """The best path of a search whose words may change later, as those of a beam."""

    append_only = False


@pytest.mark.parametrize("size", [16, 100, 10_000])
@pytest.mark.parametrize("search", [GreedySearch, Revisable])
def test_text_without_spaces_loses_nothing_however_it_is_fed(
    size: int, search: type[GreedySearch]
) -> None:
    text = "thequickbrownfox" * 25
    rows = posteriors(text, noise=0.0)
    assert len(rows) > 1000
    decoder = StreamingDecoder(search(ENGLISH), 29, 4)
    for chunk in chunks(rows, size):
        decoder.feed(chunk)
    assert decoder.finish().text == text


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1000),
    words=st.lists(st.integers(1, 40), min_size=1, max_size=30),
    pauses=st.lists(st.integers(0, 150), min_size=30, max_size=30),
    sizes=st.lists(st.integers(1, 300), min_size=1, max_size=8),
    search=st.sampled_from([GreedySearch, Revisable]),
)
def test_the_final_has_every_character_of_the_best_path(
    seed: int,
    words: list[int],
    pauses: list[int],
    sizes: list[int],
    search: type[GreedySearch],
) -> None:
    rows = _words_and_pauses(seed, words, pauses)
    whole = GreedySearch(ENGLISH)
    whole.feed(rows)
    decoder = StreamingDecoder(search(ENGLISH), 29, 4, window_frames=100, longest_frames=125)
    start = 0
    for size in itertools.cycle(sizes):
        decoder.feed(rows[start : start + size])
        start += size
        if start >= len(rows):
            break
    assert decoder.finish().text.split() == whole.candidates(1)[0].text.split()


def _words_and_pauses(seed: int, lengths: list[int], pauses: list[int]) -> FloatArray:
    """Return frames of random words, some of them without a space in between, and of pauses."""
    random = np.random.default_rng(seed)
    labels: list[int] = []
    for length, pause in zip(lengths, pauses):
        labels += random.integers(1, 29, 3 * length).tolist()  # letters, repeated ones, blanks
        labels += [ENGLISH.blank] * pause + [ENGLISH.space] * int(random.integers(0, 3))
    rows = np.full((len(labels), 29), 0.01, np.float32)
    rows[np.arange(len(labels)), labels] = 0.72
    return rows


@pytest.mark.skipif(find_ds_package() is None, reason="no package of DeepSpeech's decoder")
def test_deepspeechs_decoder_without_a_scorer_keeps_text_without_spaces() -> None:
    text = "thequickbrownfox" * 60
    rows = posteriors(text, noise=0.0)
    assert len(rows) > 3000
    decoder = create_decoder("ds", ENGLISH, None, DecodingSettings(beam=20))
    for chunk in chunks(rows, 100):
        decoder.feed(chunk)
    assert decoder.finish().text == text


def test_an_utterance_that_is_finished_twice_stays_as_it_was() -> None:
    decoder = create_decoder("greedy", ENGLISH)
    decoder.feed(posteriors(SENTENCE))
    final = decoder.finish()
    assert decoder.finish() == final and final.stable == SENTENCE
