"""DeepSpeech's own decoder behind a stand-in for its package, which few Pythons can install."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from streamer.decoding import DecodingSettings, UserWord, create_decoder, read_scorer
from streamer.decoding.search import ds
from streamer.decoding.search.contract import Candidate
from streamer.decoding.search.ds import DsSearch
from streamer.errors import DecoderError, ScorerError
from tests.support.paths import TINY_SCORER
from tests.support.posteriors import ENGLISH, posteriors


class State:
    """Keeps what it is given and finds what it is told to."""

    error = 0
    found: ClassVar[list[Any]] = []

    def init(self, *arguments: Any) -> int:
        self.labels, self.beam, self.probability, self.top_n, self.scorer, self.hot = arguments
        self.rows: list[Any] = []
        return self.error

    def next(self, rows: Any) -> None:
        self.rows.append(rows)

    def decode(self, n: int) -> list[Any]:
        return self.found[:n]


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The stand-in for ds_ctcdecoder."""
    made: Any = ModuleType("ds_ctcdecoder")
    made.swigwrapper = ModuleType("ds_ctcdecoder.swigwrapper")
    made.swigwrapper.DecoderState = type("DecoderState", (State,), {})
    made.Alphabet = lambda path: Path(path).read_text(encoding="utf-8").splitlines()
    made.Scorer = lambda *arguments: arguments
    monkeypatch.setitem(sys.modules, "ds_ctcdecoder", made)
    monkeypatch.setitem(sys.modules, "ds_ctcdecoder.swigwrapper", made.swigwrapper)
    yield made


def search(words: list[UserWord] | None = None, scored: bool = True, **settings: Any) -> DsSearch:
    scorer = read_scorer(TINY_SCORER) if scored else None
    return DsSearch(ENGLISH, scorer, DecodingSettings(**settings), words or [])


def test_without_a_package_the_error_says_which_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ds, "find_ds_package", lambda: None)
    with pytest.raises(DecoderError, match="is not installed - pip install ds-ctcdecoder"):
        search()


def test_the_package_is_given_alphabet_scorer_weights_and_beam(package: Any) -> None:
    state = search(beam=77, cutoff_top_n=9, lm_alpha=0.5, lm_beta=-1.0)._state
    assert state.labels[:2] == [" ", "a"] and len(state.labels) == len(ENGLISH)
    assert state.scorer == (0.5, -1.0, str(TINY_SCORER), state.labels)
    assert (state.beam, state.top_n, state.hot) == (77, 9, {})


def test_without_a_scorer_it_has_none(package: Any) -> None:
    assert search(scored=False)._state.scorer is None


def test_a_scorer_that_the_package_refuses_is_named(package: Any) -> None:
    def refuse(*_: Any) -> None:
        raise ValueError("Scorer initialization failed with error code 8195")

    package.Scorer = refuse
    with pytest.raises(ScorerError) as caught:
        search()
    assert str(TINY_SCORER) in str(caught.value) and "8195" in str(caught.value)


def test_a_decoder_that_does_not_start_says_so(package: Any) -> None:
    package.swigwrapper.DecoderState.error = 3
    with pytest.raises(DecoderError, match=r"cannot be started \(error 3\) - choose"):
        search()


def test_hot_words_outweigh_the_language_model_by_their_weight(package: Any) -> None:
    # The package multiplies them by alpha.
    words = [UserWord("mother", 3.0), UserWord("the", -1.0)]
    assert search(words, lm_alpha=0.5)._state.hot == {b"mother": 6.0, b"the": -2.0}


@pytest.mark.parametrize(
    ("word", "scored", "alpha", "message"),
    [
        ("mother", False, 0.5, "need a language model"),
        ("mother", True, 0.0, "need a language model"),
        ("zorblax", True, 0.5, "'zorblax' is not in the scorer"),
    ],
)
def test_words_that_it_cannot_make_likelier_are_refused(
    package: Any, word: str, scored: bool, alpha: float, message: str
) -> None:
    with pytest.raises(DecoderError, match=message):
        search([UserWord(word, 1.0)], scored, lm_alpha=alpha)


def test_it_is_fed_double_precision_and_no_phonemes(package: Any) -> None:
    made = search()
    rows = posteriors("the dear lady")
    made.feed(np.concatenate([rows, rows], axis=1))
    (given,) = made._state.rows
    assert given.dtype == np.float64 and np.array_equal(given, rows.astype(np.float64))


def test_streams_of_one_search_do_not_share_their_state(package: Any) -> None:
    first = search()
    second = first.new_stream()
    second.feed(posteriors("a"))
    assert first._state.rows == [] and second._state.scorer is first._state.scorer


def test_what_it_finds_is_spelled(package: Any) -> None:
    decoder = create_decoder("ds", ENGLISH, TINY_SCORER)
    letters = ENGLISH.encode("the")
    package.swigwrapper.DecoderState.found = [
        SimpleNamespace(confidence=-1.5, tokens=letters, timesteps=[3, 5, 8])
    ]
    rows = posteriors("the")
    decoder.feed(rows)
    final = decoder.finish()
    assert final.text == "the"
    assert [(word.word, word.start_frame) for word in final.words] == [("the", 3)]


def test_nothing_found_is_an_empty_hypothesis(package: Any) -> None:
    assert search().candidates(5) == [Candidate(0.0, "", (), ())]
