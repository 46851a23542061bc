"""The ONNX file computes what NumPy and PyTorch compute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamer.text.numpy_tagger import NumpyTagger
from streamer.text.onnx_tagger import OnnxTagger
from streamer.training.text_model.export import read_onnx, write_onnx
from tests.text.weights import random_weights

pytest.importorskip("onnx")

N_WORDS = 50
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def inputs(look_ahead: int, state: int, n: int = 7) -> tuple[Any, ...]:
    random = np.random.default_rng(0)
    floats = [random.random((n, 2)).astype(np.float32) for _ in range(2)]
    numbers = random.integers(0, N_WORDS, n)
    ahead = random.integers(0, N_WORDS, (n, look_ahead))
    return numbers, ahead, *floats, random.random(state).astype(np.float32)


def test_onnx_equals_numpy(tmp_path: Path) -> None:
    weights = random_weights(N_WORDS, seed=4)
    write_onnx(weights, tmp_path / "tagger.onnx")
    onnx, numpy = OnnxTagger(tmp_path / "tagger.onnx"), NumpyTagger(weights)
    assert (onnx.look_ahead, onnx.state_size) == (numpy.look_ahead, numpy.state_size)
    given = inputs(numpy.look_ahead, numpy.state_size)
    for ours, theirs in zip(onnx.tag(*given), numpy.tag(*given)):
        np.testing.assert_allclose(ours, theirs, **TOLERANCE)


def test_the_file_gives_its_weights_back(tmp_path: Path) -> None:
    weights = random_weights(N_WORDS, seed=6)
    write_onnx(weights, tmp_path / "tagger.onnx")
    again = read_onnx(tmp_path / "tagger.onnx")
    assert again.keys() == weights.keys()
    for name, values in weights.items():
        np.testing.assert_allclose(again[name], values, rtol=1e-6)


def test_words_one_by_one_equal_all_at_once() -> None:
    tagger = NumpyTagger(random_weights(N_WORDS, seed=5))
    numbers, ahead, pauses, before, state = inputs(tagger.look_ahead, tagger.state_size)
    together = tagger.tag(numbers, ahead, pauses, before, state)
    for k in range(len(numbers)):
        one = slice(k, k + 1)
        alone = tagger.tag(numbers[one], ahead[one], pauses[one], before[one], state)
        np.testing.assert_allclose(alone.marks[0], together.marks[k], **TOLERANCE)
        state = alone.states[0]


def test_numpy_equals_pytorch() -> None:
    torch = pytest.importorskip("torch")
    from streamer.training.text_model.network import Sizes, TaggerNetwork

    network = TaggerNetwork(Sizes(N_WORDS, 5, 6, 7, 8, 4)).eval()
    weights = {name: value.detach().numpy() for name, value in network.named_parameters()}
    tagger = NumpyTagger(weights)
    numbers, ahead, pauses, _, _ = inputs(4, 6)
    before = np.concatenate([np.zeros((1, 2), dtype=np.float32), pauses[:-1]])
    ours = tagger.tag(numbers, ahead, pauses, before, np.zeros(6, dtype=np.float32))
    with torch.no_grad():
        theirs = network(*(torch.from_numpy(each)[None] for each in (numbers, ahead, pauses)))
    for one, other in zip(ours, theirs):
        np.testing.assert_allclose(one, other[0].numpy(), **TOLERANCE)
