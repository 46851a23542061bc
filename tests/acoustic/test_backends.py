"""Acoustic models: weights, and the NumPy and ONNX backends."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.acoustic import Weights
from streamer.acoustic.contract import check_names, state_names
from streamer.acoustic.numpy_model import NumpyAcousticModel
from streamer.acoustic.onnx_model import OnnxAcousticModel
from streamer.convert.readers.onnx import read_onnx
from streamer.convert.readers.safetensors import read_safetensors
from streamer.convert.writers.safetensors import write_safetensors
from streamer.errors import ModelError
from tests.support.models.bundles import random_weights

onnx_writer = pytest.importorskip("streamer.convert.writers.onnx", reason="needs the package onnx")
pytest.importorskip("onnx")


def windows(seed: int, count: int, steps: int = 16) -> Any:
    random = np.random.default_rng(seed)
    return (10 * random.standard_normal((count, 1, steps, 19, 26))).astype(np.float32)


def plain_lstm_step(weights: Weights, x: Any, c: Any, h: Any) -> Any:
    """One LSTM step as in the textbook, gate by gate, in float64."""
    n = weights.n_hidden
    kernel = weights.layers["lstm/kernel"].astype(np.float64)
    bias = weights.layers["lstm/bias"].astype(np.float64)
    gates = []
    for gate in range(4):
        columns = slice(gate * n, (gate + 1) * n)
        gates.append(x @ kernel[:n, columns] + h @ kernel[n:, columns] + bias[columns])
    i, j, f, o = gates
    one = np.float64(1)
    c = c * (one / (one + np.exp(-(f + weights.forget_bias)))) + np.tanh(j) / (one + np.exp(-i))
    return c, np.tanh(c) / (one + np.exp(-o))


@pytest.mark.parametrize("forget_bias", [0.0, 1.0])
def test_the_float64_model_is_the_textbook_network(forget_bias: float) -> None:
    weights = random_weights(8, description={"forget_bias": forget_bias, "relu_clip": 3.0})
    oracle = NumpyAcousticModel(weights, 4, np.float64)
    window = windows(0, 1, 4)[0]
    probabilities, (c_out, h_out) = oracle.infer(window, 4, oracle.initial_state())
    layers = {k: v.astype(np.float64) for k, v in weights.layers.items()}
    c = h = np.zeros(8)
    for step in range(4):
        x = window[0, step].reshape(-1).astype(np.float64)
        for name in ("layer_1", "layer_2", "layer_3"):
            x = np.minimum(np.maximum(x @ layers[f"{name}/weights"] + layers[f"{name}/bias"], 0), 3)
        c, h = plain_lstm_step(weights, x, c, h)
        x = np.minimum(np.maximum(h @ layers["layer_5/weights"] + layers["layer_5/bias"], 0), 3)
        e = np.exp(x @ layers["layer_6/weights"] + layers["layer_6/bias"])
        np.testing.assert_allclose(probabilities[step], e / e.sum(), atol=1e-7)
    np.testing.assert_allclose(c_out[0], c, atol=1e-6)
    np.testing.assert_allclose(h_out[0], h, atol=1e-6)


@pytest.mark.parametrize("steps", [1, 4, 16, 64])
@pytest.mark.parametrize("lengths", [True, False])
def test_onnx_equals_numpy_over_several_windows(tmp_path: Path, steps: int, lengths: bool) -> None:
    weights = random_weights(16, description={"forget_bias": 0.7, "relu_clip": 5.0})
    onnx_writer.write_onnx(weights, tmp_path / "a.onnx", steps, lengths)
    model = OnnxAcousticModel(tmp_path / "a.onnx")
    oracle = NumpyAcousticModel(weights, steps, np.float64)
    assert (model.n_steps, model.n_context, model.n_input) == (steps, 9, 26)
    assert (model.n_hidden, model.n_labels, model.flexible_steps) == (16, 29, False)
    state, expected_state = model.initial_state(), oracle.initial_state()
    for window in windows(steps, 4, steps):
        ours, state = model.infer(window, steps, state)
        expected, expected_state = oracle.infer(window, steps, expected_state)
        np.testing.assert_allclose(ours, expected, atol=1e-5)
        for part, expected_part in zip(state, expected_state):
            assert part.dtype == np.float32 and part.shape == (1, 16)
            np.testing.assert_allclose(part, expected_part, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 16), seed=st.integers(0, 100))
def test_a_short_window_gives_the_state_after_its_last_real_step(
    onnx_models: dict[bool, OnnxAcousticModel], n: int, seed: int
) -> None:
    weights = random_weights(16)
    oracle = NumpyAcousticModel(weights)
    window = windows(seed, 1)[0]
    expected, expected_state = oracle.infer(window, n, oracle.initial_state())
    model = onnx_models[True]
    ours, state = model.infer(window, n, model.initial_state())
    assert ours.shape == (n, 29)
    np.testing.assert_allclose(ours, expected, atol=1e-5)
    np.testing.assert_allclose(state, expected_state, atol=1e-5)


def test_without_input_lengths_the_rows_are_right_and_the_state_says_it_is_not(
    onnx_models: dict[bool, OnnxAcousticModel],
) -> None:
    model, oracle = onnx_models[False], NumpyAcousticModel(random_weights(16))
    window = windows(5, 1)[0]
    expected, _ = oracle.infer(window, 5, oracle.initial_state())
    ours, state = model.infer(window, 5, model.initial_state())
    np.testing.assert_allclose(ours, expected, atol=1e-5)
    assert np.isnan(state[0]).all() and np.isnan(state[1]).all()
    _, whole = model.infer(window, 16, model.initial_state())
    assert np.isfinite(whole).all()


@pytest.fixture(scope="module")
def onnx_models(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, OnnxAcousticModel]:
    folder, models = tmp_path_factory.mktemp("onnx"), {}
    for lengths in (True, False):
        path = folder / f"{lengths}.onnx"
        onnx_writer.write_onnx(random_weights(16), path, 16, lengths)
        models[lengths] = OnnxAcousticModel(path)
    return models


def test_letters_and_phonemes_are_heard_side_by_side(tmp_path: Path) -> None:
    weights = random_weights(16, description={"n_phonemes": 9})
    assert weights.groups == (20, 9)
    onnx_writer.write_onnx(weights, tmp_path / "a.onnx")
    onnx_writer.quantise_onnx(tmp_path / "a.onnx", tmp_path / "b.onnx")
    write_safetensors(weights, tmp_path / "a.safetensors")
    assert read_onnx(tmp_path / "a.onnx").groups == (20, 9)
    oracle = NumpyAcousticModel(weights, dtype=np.float64)
    window = windows(7, 1)[0]
    expected, _ = oracle.infer(window, 16, oracle.initial_state())
    np.testing.assert_allclose(expected[:, :20].sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(expected[:, 20:].sum(axis=1), 1, atol=1e-6)
    for model, tolerance in (
        (OnnxAcousticModel(tmp_path / "a.onnx"), 1e-5),
        (OnnxAcousticModel(tmp_path / "b.onnx"), 0.04),
        (NumpyAcousticModel(read_safetensors(tmp_path / "a.safetensors")), 1e-5),
    ):
        ours, _ = model.infer(window, 16, model.initial_state())
        np.testing.assert_allclose(ours, expected, atol=tolerance)


@pytest.mark.parametrize("n_phonemes", [-1, 1, 28, 29, 2.0, "9"])
def test_groups_of_less_than_two_outputs_are_refused(n_phonemes: object) -> None:
    with pytest.raises(ModelError, match=r"labels|n_phonemes"):
        random_weights(8, description={"n_phonemes": n_phonemes})


def test_int8_onnx_is_close_and_a_third_of_the_size(tmp_path: Path) -> None:
    weights = random_weights(512, seed=3)
    onnx_writer.write_onnx(weights, tmp_path / "a.onnx")
    onnx_writer.quantise_onnx(tmp_path / "a.onnx", tmp_path / "b.onnx")
    model, oracle = OnnxAcousticModel(tmp_path / "b.onnx"), NumpyAcousticModel(weights)
    window = windows(7, 1)[0]
    ours, _ = model.infer(window, 16, model.initial_state())
    expected, _ = oracle.infer(window, 16, oracle.initial_state())
    assert 0 < np.abs(ours - expected).max() < 0.03
    ratio = (tmp_path / "b.onnx").stat().st_size / (tmp_path / "a.onnx").stat().st_size
    assert ratio < 0.35


def test_a_long_window_equals_short_ones_in_a_row() -> None:
    """The NumPy model accepts any length, as --one-shot needs."""
    model = NumpyAcousticModel(random_weights(16))
    assert model.flexible_steps
    long = windows(9, 1, 40)[0]
    whole, final = model.infer(long, 40, model.initial_state())
    parts, state = [], model.initial_state()
    for start in range(0, 40, 16):
        piece = long[:, start : start + 16]
        part, state = model.infer(piece, piece.shape[1], state)
        parts.append(part)
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)
    np.testing.assert_allclose(state, final, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "n", "state"),
    [
        ((1, 15, 19, 26), 4, 16),
        ((1, 16, 19, 25), 4, 16),
        ((16, 19, 26), 4, 16),
        ((1, 16, 19, 26), 0, 16),
        ((1, 16, 19, 26), 17, 16),
        ((1, 16, 19, 26), 4, 15),
    ],
)
def test_arguments_of_another_shape_are_model_errors(
    onnx_models: dict[bool, OnnxAcousticModel], shape: Any, n: int, state: int
) -> None:
    zeros = np.zeros((1, state), np.float32)
    with pytest.raises(ModelError):
        onnx_models[True].infer(np.zeros(shape, np.float32), n, (zeros, zeros))


def test_a_file_that_is_no_network_is_a_model_error(tmp_path: Path) -> None:
    for name, content in (("empty", b""), ("text", b"hello\n"), ("noise", bytes(range(256)) * 9)):
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(content)
        with pytest.raises(ModelError) as caught:
            OnnxAcousticModel(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(ModelError):
        OnnxAcousticModel(tmp_path / "missing.onnx")


def test_a_network_of_another_kind_is_a_model_error(tmp_path: Path) -> None:
    import onnx

    value = onnx.helper.make_tensor_value_info
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Relu", ["x"], ["y"])],
        "g",
        [value("x", kind, (1, 2))],
        [value("y", kind, (1, 2))],
    )
    opsets = [onnx.helper.make_opsetid("", 13)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=7)
    onnx.save_model(model, str(tmp_path / "relu.onnx"))
    with pytest.raises(ModelError, match="no input input_node"):
        OnnxAcousticModel(tmp_path / "relu.onnx")


def test_safetensors_keep_everything(tmp_path: Path) -> None:
    weights = random_weights(8, description={"language": "xx", "n_steps": 4})
    write_safetensors(weights, tmp_path / "w.safetensors")
    again = read_safetensors(tmp_path / "w.safetensors")
    assert dict(again.description) == dict(weights.description)
    assert set(again.layers) == set(weights.layers)
    for name, array in weights.layers.items():
        np.testing.assert_array_equal(again.layers[name], array)


def hostile_safetensors() -> dict[str, bytes]:
    def with_header(header: Any, body: bytes = b"") -> bytes:
        raw = json.dumps(header).encode()
        return struct.pack("<Q", len(raw)) + raw + body

    huge = {"layer_1/bias": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}
    wrong = {"layer_1/bias": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    strange = {"other": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    meta = {"__metadata__": {"streamer": "[1"}, **wrong}
    listed = {"__metadata__": {"streamer": "[1]"}, **wrong}
    return {
        "empty": b"",
        "long header": struct.pack("<Q", 1 << 60) + b"{}",
        "huge": with_header(huge, b"1234"),
        "few": with_header(wrong, b"1234"),
        "strange": with_header(strange, b"1234"),
        "bad json": with_header(meta, b"1234"),
        "list": with_header(listed, b"1234"),
    }


@pytest.mark.parametrize("case", hostile_safetensors())
def test_damaged_safetensors_are_model_errors(tmp_path: Path, case: str) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(hostile_safetensors()[case])
    with pytest.raises(ModelError):
        read_safetensors(path)


def test_weights_that_do_not_fit_together_are_model_errors() -> None:
    good = random_weights(8)
    layers, description = dict(good.layers), dict(good.description)

    def broken(changes: dict[str, Any], **entries: Any) -> Weights:
        changed = {k: v for k, v in {**layers, **changes}.items() if v is not None}
        return Weights(changed, {**description, **entries})

    cases: Any = [
        ({"layer_1/bias": None}, {}),
        ({"layer_9/bias": layers["layer_1/bias"]}, {}),
        ({"layer_1/bias": layers["layer_1/bias"].astype(np.float64)}, {}),
        ({"layer_1/bias": layers["layer_1/bias"][:-1]}, {}),
        ({"layer_2/weights": layers["layer_2/weights"][:, :4]}, {}),
        ({"lstm/kernel": layers["lstm/kernel"].T}, {}),
        ({}, {"n_context": 8}),
        ({}, {"n_input": "26"}),
        ({}, {"relu_clip": 0}),
        ({}, {"relu_clip": float("nan")}),
        ({}, {"forget_bias": None}),
    ]
    for changes, entries in cases:
        with pytest.raises(ModelError):
            broken(changes, **entries)
    assert broken({}).n_hidden == 8


def test_the_names_of_a_network_are_those_of_the_family() -> None:
    inputs = ["input_node", "previous_state_c", "previous_state_h"]
    outputs = ["logits", "new_state_c", "new_state_h"]
    check_names(inputs, outputs)
    check_names(inputs[:1], outputs[:1], stateful=True)
    for name in inputs[1:]:
        with pytest.raises(ValueError, match=f"no input {name}"):
            check_names([each for each in inputs if each != name], outputs)
    for name in outputs:
        with pytest.raises(ValueError, match=f"no output {name}"):
            check_names(inputs, [each for each in outputs if each != name])


def test_of_two_states_one_is_c_and_one_is_h() -> None:
    assert state_names(["state_h", "state_c"]) == ("state_c", "state_h")
    for names in ([], ["state_c"], ["a_c", "b_c"], ["a", "b"], ["state_c", "state_h", "x"]):
        with pytest.raises(ValueError, match="not one for c and one for h"):
            state_names(names)


def test_a_layer_of_another_rank_is_refused() -> None:
    weights = random_weights(8)
    for name, layer in weights.layers.items():
        with pytest.raises(ModelError, match=f"{name} has shape"):
            Weights({**weights.layers, name: layer[None]}, weights.description)


def test_threads_are_as_many_as_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    onnx_writer.write_onnx(random_weights(8), path, 16)
    for threads in (1, 2):
        session = OnnxAcousticModel(path, threads=threads)._session
        assert session.get_session_options().intra_op_num_threads == threads
