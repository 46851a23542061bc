"""A tagger that was made larger says what it said."""

from __future__ import annotations

import numpy as np

from streamer.text.numpy_tagger import NumpyTagger
from streamer.text.vocabulary import FIRST_WORD, Vocabulary
from streamer.training.text_model.growth import grown
from tests.text.weights import random_weights

OLD = Vocabulary(["home", "river", "bread"])
NEW = Vocabulary(["website", "bread", "home", "podcast", "river"])
SAID = "home river bread river bricks".split()


def tagged(tagger: NumpyTagger, vocabulary: Vocabulary, words: list[str]) -> np.ndarray:
    numbers = vocabulary.numbers(words)
    ahead = np.tile(vocabulary.numbers(["bread", "home", "river", "bread"]), (len(words), 1))
    pauses = np.full((len(words), 2), 0.3, dtype=np.float32)
    state = np.zeros(tagger.state_size, dtype=np.float32)
    tags = tagger.tag(numbers, ahead, pauses, pauses, state)
    return np.hstack([tags.marks, tags.cases])


def test_more_units_and_other_words_change_nothing() -> None:
    weights = random_weights(len(OLD), seed=1)
    larger = NumpyTagger(grown(weights, OLD, NEW, state=9))
    assert larger.state_size == 9
    np.testing.assert_allclose(
        tagged(larger, NEW, SAID), tagged(NumpyTagger(weights), OLD, SAID), rtol=1e-4, atol=1e-5
    )


def test_new_units_can_learn() -> None:
    weights = grown(random_weights(len(OLD), seed=1), OLD, OLD, state=9)
    for gate in np.split(weights["recurrent.weight_ih_l0"], 3):
        assert np.abs(gate[6:]).min() > 0


def test_a_new_word_begins_as_its_ending() -> None:
    weights = random_weights(len(OLD), seed=2)
    table = grown(weights, OLD, NEW, state=6)["embedding.weight"]
    assert table.shape == (len(NEW), weights["embedding.weight"].shape[1])
    np.testing.assert_array_equal(table[FIRST_WORD], table[OLD.number("website")])
    np.testing.assert_array_equal(
        table[NEW.number("river")], weights["embedding.weight"][OLD.number("river")]
    )


def test_fewer_units_are_not_taken_away() -> None:
    weights = random_weights(len(OLD), seed=3)
    assert NumpyTagger(grown(weights, OLD, OLD, state=2)).state_size == 6
