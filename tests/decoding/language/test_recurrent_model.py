"""The recurrent language model: its file, its arithmetic, its mixture with n-grams."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from streamer.arrays import FloatArray
from streamer.decoding import DecodingSettings, create_decoder, read_scorer
from streamer.decoding.language.language_model import LanguageModel
from streamer.decoding.language.recurrent_model import (
    RecurrentModel,
    _has_small_products,
    _KeptRows,
    _Matrix,
    read_recurrent_model,
    write_recurrent_model,
)
from streamer.errors import ModelError
from tests.support.paths import TINY_SCORER as TINY
from tests.support.posteriors import ENGLISH, chunks, posteriors

WORDS = ["and", "her", "said", "she", "the"]


def _arrays(n_words: int, seed: int = 0) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "table": (n_words + 2, 8), "bias": (n_words + 2,), "lstm": (8 + 12, 48),
        "lstm_bias": (48,), "projection": (12, 8), "projection_bias": (8,),
    }  # fmt: skip
    return {
        name: (random.normal(0, 0.3, shape)).astype(np.float32) for name, shape in shapes.items()
    }


@pytest.fixture
def model(tmp_path: Path) -> RecurrentModel:
    write_recurrent_model(tmp_path / "x.safetensors", WORDS, _arrays(len(WORDS)))
    return read_recurrent_model(tmp_path / "x.safetensors")


def test_a_model_survives_writing_and_reading_up_to_rounding(model: RecurrentModel) -> None:
    for name, array in _arrays(len(WORDS)).items():
        np.testing.assert_allclose(model.tensors()[name], array, atol=5e-3)
    assert model.numbers(["the", "zebra", "and"]).tolist() == [4, -1, 0]


def test_it_computes_its_formula(model: RecurrentModel) -> None:
    def sigmoid(x: Any) -> Any:
        return 1 / (1 + np.exp(-x))

    t = {name: array.astype(np.float64) for name, array in model.tensors().items()}
    hidden, cell = np.zeros(12), np.zeros(12)
    text = [model.end, 3, 2, 4]
    memory = model.initial_states()
    row = 0
    for place, word in enumerate(text):
        x = np.concatenate([8.0 * t["table"][word], hidden])
        i, f, g, o = np.split(x @ t["lstm"] + t["lstm_bias"], 4)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        hidden = sigmoid(o) * np.tanh(cell)
        query = hidden @ t["projection"] + t["projection_bias"]
        if place:
            row = model.advance(memory, np.array([row]), np.array([word]))
        expected = (t["table"] @ query + t["bias"]) / np.log(10)
        every = np.arange(len(expected))
        got = model.score(memory, np.full(len(every), row), every)
        np.testing.assert_allclose(got, expected, atol=1e-5)


def test_texts_have_the_same_states_together_and_alone(model: RecurrentModel) -> None:
    both, one = model.initial_states(), model.initial_states()
    first = model.advance(both, np.array([0, 0]), np.array([1, model.unknown]))
    assert model.advance(one, np.array([0]), np.array([model.unknown])) == 1
    np.testing.assert_allclose(both.query[first + 1], one.query[1], atol=1e-6)
    assert np.abs(both.query[first] - both.query[first + 1]).max() > 1e-3


def test_probabilities_are_mixed_and_unknown_words_share_one_probability(
    model: RecurrentModel,
) -> None:
    words = ["she", "said", "microphone"]
    n_grams = read_scorer(TINY).n_grams(words)
    alone, mixed = LanguageModel(n_grams, words), LanguageModel(n_grams, words, model, 0.3)
    histories = [m.prime([0]) for m in (alone, mixed)]
    follow = np.array([1, 2])
    first, second = (
        10.0 ** m.score(np.full(2, h), follow)[1] for m, h in zip((alone, mixed), histories)
    )
    memory = model.initial_states()
    row = model.advance(memory, np.array([0]), model.numbers(["she"]))
    own = 10.0 ** model.score(memory, np.array([row]), model.numbers(["said"]))
    assert second[0] == pytest.approx(0.7 * first[0] + 0.3 * own[0], rel=1e-4)
    unknown = 10.0 ** model.score(memory, np.array([row]), np.array([model.unknown]))
    alone_worth = 10.0**n_grams.unigrams
    part = alone_worth[2] / (1 - alone_worth[:2].sum())
    assert second[1] == pytest.approx(0.7 * first[1] + 0.3 * unknown[0] * part, rel=1e-4)
    end = 10.0 ** model.score(memory, np.array([row]), np.array([model.end]))
    ends = [10.0 ** m.score_end(np.array([h]))[0] for m, h in zip((alone, mixed), histories)]
    assert ends[1] == pytest.approx(0.7 * ends[0] + 0.3 * end[0], rel=1e-4)


def test_it_decides_between_words_that_sound_alike(tmp_path: Path) -> None:
    words = read_scorer(TINY).words(ENGLISH)
    rows = posteriors("the dear lady")
    d, f = ENGLISH.encode("df")
    first = next(i for i in range(len(rows)) if rows[i, d] > 0.4)
    rows[first, [d, f]] = rows[first, d] / 2
    for favourite in ("dear", "fear"):
        arrays = _arrays(len(words))
        arrays["bias"][words.index(favourite)] += 5.0
        write_recurrent_model(tmp_path / favourite, words, arrays)
        decoder = create_decoder(
            "beam", ENGLISH, TINY, DecodingSettings(recurrent_share=0.9),
            recurrent_path=tmp_path / favourite,
        )  # fmt: skip
        for chunk in chunks(rows):
            decoder.feed(chunk)
        assert decoder.finish().text.split()[1:] == [favourite, "lady"]


@pytest.mark.parametrize("damage", [b"", b"no safetensors at all", None])
def test_a_damaged_file_is_rejected(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "x.safetensors"
    if damage is None:
        arrays = _arrays(len(WORDS))
        arrays["lstm"] = arrays["lstm"][:-1]
        write_recurrent_model(path, WORDS, arrays)
    else:
        path.write_bytes(damage)
    with pytest.raises(ModelError, match=r"x\.safetensors is not a recurrent language model"):
        read_recurrent_model(path)
    with pytest.raises(ModelError, match="missing"):
        read_recurrent_model(tmp_path / "missing")


@pytest.mark.parametrize("striped", [False, True])
def test_a_product_does_not_depend_on_the_rows_beside_it(striped: bool) -> None:
    random = np.random.default_rng(0)
    whole = random.standard_normal((96, 256)).astype(np.float32)
    rows = random.standard_normal((37, 96)).astype(np.float32)
    matrix = _Matrix(whole, striped and _has_small_products(ThreadpoolController()))
    products = matrix.multiply(rows)
    np.testing.assert_allclose(products, rows @ whole, atol=1e-4)
    for first, last in ((0, 1), (3, 5), (7, 30), (36, 37)):
        np.testing.assert_array_equal(matrix.multiply(rows[first:last]), products[first:last])


def test_a_striped_matrix_is_the_one_it_was_made_of() -> None:
    whole = np.arange(6 * 192, dtype=np.float32).reshape(6, 192)
    np.testing.assert_array_equal(_Matrix(whole, striped=True).matrix(), whole)
    product = _Matrix(whole, striped=True).multiply(np.eye(6, dtype=np.float32))
    np.testing.assert_array_equal(product, whole)


def test_the_rows_unused_for_longest_make_room() -> None:
    computed: list[int] = []

    def compute(keys: list[int]) -> FloatArray:
        computed.extend(keys)
        return np.array(keys, np.float32)[:, None]

    kept = _KeptRows(3, 1)
    for keys in ([1, 2, 3], [1], [4], [1, 3, 4]):
        np.testing.assert_array_equal(kept.rows(keys, compute)[:, 0], keys)
    assert computed == [1, 2, 3, 4]
    kept.rows([2], compute)
    np.testing.assert_array_equal(kept.rows([5, 6, 7, 8, 5], compute)[:, 0], [5, 6, 7, 8, 5])
    assert computed[4:] == [2, 5, 6, 7, 8]


@pytest.mark.parametrize("name", ["lstm", "lstm_bias", "projection", "projection_bias"])
def test_weights_that_are_not_numbers_are_refused(name: str, tmp_path: Path) -> None:
    arrays = _arrays(5)
    arrays[name] = np.full_like(arrays[name], np.nan)
    write_recurrent_model(tmp_path / "broken", [f"w{i}" for i in range(5)], arrays)
    with pytest.raises(ModelError, match="not numbers"):
        read_recurrent_model(tmp_path / "broken")
