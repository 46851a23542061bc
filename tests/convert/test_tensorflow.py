"""Every conversion compared with TensorFlow running the original graph.

Needs TensorFlow (the extra ``tensorflow``); skipped where it is not installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest

from streamer.acoustic.contract import AcousticModel
from streamer.acoustic.numpy_model import NumpyAcousticModel
from streamer.acoustic.onnx_model import OnnxAcousticModel
from streamer.acoustic.weights import Weights
from streamer.convert.readers import read_network
from streamer.convert.writers.onnx import write_onnx
from streamer.convert.writers.safetensors import write_safetensors
from streamer.errors import ConversionError
from streamer.features import DeepSpeechFrontEnd, Framer
from tests.conftest import SHARED, needs_shared
from tests.support.models.bundles import random_weights
from tests.support.models.graphs import CELL, packaged_graph, rewrite_constants, tensorflow_names

tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

REFERENCE = SHARED / "reference"
STATIC = REFERENCE / "ds_v0.9.3_n64_static.pb"
Window = tuple[Any, int]
Answer = tuple[Any, Any, Any]


def windows() -> list[Window]:
    """Features of a whole recording with a short last window, then random ones."""
    samples = np.load(REFERENCE / "new-home-in-the-stars-16k_samples_i16.npy")
    framer = Framer(DeepSpeechFrontEnd(), 16, 9)
    real = framer.feed(samples.astype(np.float32) / 32768) + framer.finish()
    random = np.random.default_rng(0)
    made = [(k * random.standard_normal((1, 16, 19, 26)), n) for k in (1, 10) for n in (16, 3, 16)]
    return [(w.features, w.n) for w in real] + [(x.astype(np.float32), n) for x, n in made]


def run_tensorflow(raw: bytes) -> list[Answer]:
    """TensorFlow's probabilities, c and h of each window, the state passed on."""
    definition = tf.compat.v1.GraphDef()
    definition.ParseFromString(raw)
    answers = []
    with tf.Graph().as_default():
        tf.import_graph_def(definition, name="")
        with tf.compat.v1.Session() as session:
            c = h = np.zeros((1, 64), np.float32)
            for window, n in windows():
                logits, c, h = session.run(
                    ["logits:0", "new_state_c:0", "new_state_h:0"],
                    {
                        "input_node:0": window,
                        "input_lengths:0": [n],
                        "previous_state_c:0": c,
                        "previous_state_h:0": h,
                    },
                )
                answers.append((logits.reshape(-1, logits.shape[-1])[:n], c, h))
    return answers


def agree(model: AcousticModel, expected: list[Answer]) -> None:
    state = model.initial_state()
    for (window, n), (probabilities, c, h) in zip(windows(), expected):
        ours, state = model.infer(window, n, state)
        np.testing.assert_allclose(ours, probabilities, rtol=0, atol=1e-5)
        np.testing.assert_allclose(state[0], c, rtol=0, atol=1e-5)
        np.testing.assert_allclose(state[1], h, rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def answers() -> dict[str, list[Answer]]:
    raw = STATIC.read_bytes()
    # The lite file has quantised weights: TensorFlow runs the graph with those.
    eight_bits = tensorflow_names(read_network(REFERENCE / "ds_v0.9.3_n64.tflite"))
    quantised = rewrite_constants(raw, lambda name, array: eight_bits.get(name, array))
    return {
        "float": run_tensorflow(raw),
        "dynamic": run_tensorflow((REFERENCE / "ds_v0.9.3_n64_dynamic.pb").read_bytes()),
        "8 bits": run_tensorflow(quantised),
    }


READERS: dict[str, str] = {
    "static.pb": "float",
    "dynamic.pb": "dynamic",
    "packaged.pbmm": "float",
    "lite.tflite": "8 bits",
    "ours.safetensors": "float",
    "ours.onnx": "float",
    "checkpoint": "float",
}


def source(kind: str, folder: Path) -> Path:
    path = folder / kind
    if kind == "static.pb":
        return STATIC
    if kind == "dynamic.pb":
        return REFERENCE / "ds_v0.9.3_n64_dynamic.pb"
    if kind == "lite.tflite":
        return REFERENCE / "ds_v0.9.3_n64.tflite"
    if kind == "packaged.pbmm":
        path.write_bytes(packaged_graph(STATIC.read_bytes()))
    elif kind == "ours.safetensors":
        write_safetensors(read_network(STATIC), path)
    elif kind == "ours.onnx":
        write_onnx(read_network(STATIC), path)
    else:
        write_checkpoint(tensorflow_names(read_network(STATIC)), path)
    return path


def write_checkpoint(variables: dict[str, Any], folder: Path) -> None:
    """A checkpoint as DeepSpeech's training writes it, with the optimiser's variables."""
    folder.mkdir(exist_ok=True)
    with tf.Graph().as_default():
        made = [tf.compat.v1.Variable(value, name=name) for name, value in variables.items()]
        made += [
            tf.compat.v1.Variable(np.zeros_like(value), name=f"{name}/Adam")
            for name, value in variables.items()
        ]
        made.append(tf.compat.v1.Variable(np.int64(7), name="global_step"))
        with tf.compat.v1.Session() as session:
            session.run(tf.compat.v1.global_variables_initializer())
            saver = tf.compat.v1.train.Saver(made)
            saver.save(session, str(folder / "best_dev-7"), write_meta_graph=False)


def as_numpy(weights: Weights, folder: Path) -> AcousticModel:
    return NumpyAcousticModel(weights, 16)


def as_onnx(weights: Weights, folder: Path) -> AcousticModel:
    write_onnx(weights, folder / "w.onnx", 16)
    return OnnxAcousticModel(folder / "w.onnx")


def as_safetensors(weights: Weights, folder: Path) -> AcousticModel:
    write_safetensors(weights, folder / "w.safetensors")
    return NumpyAcousticModel(read_network(folder / "w.safetensors"), 16)


def as_core_ml(shape: str, format: str) -> Callable[[Weights, Path], AcousticModel]:
    """The Core ML backend on the stand-in that evaluates the written model in NumPy."""

    def write(weights: Weights, folder: Path) -> AcousticModel:
        pytest.importorskip("coremltools")
        from streamer.acoustic.coreml_model import CoreMLAcousticModel
        from streamer.convert.coreml import write_coreml
        from tests.acoustic.test_coreml_model import Runtime

        path = folder / ("w.mlpackage" if format == "mlprogram" else "w.mlmodel")
        # With lengths, the states after the short last window count, too.
        write_coreml(weights, path, 16, shape, "fp32", format, lengths=True)
        return CoreMLAcousticModel(path, runtime=Runtime(), cache=folder / "cache")

    return write


WRITERS: dict[str, Callable[[Weights, Path], AcousticModel]] = {
    "none": as_numpy,
    "onnx": as_onnx,
    "safetensors": as_safetensors,
    "Core ML lstm": as_core_ml("lstm", "mlprogram"),
    "Core ML unrolled": as_core_ml("unrolled", "mlprogram"),
    "Core ML neural network": as_core_ml("lstm", "neuralnetwork"),
}


#: Core ML models are evaluated slowly: of the readers that give the same weights one will do.
PAIRS = [
    (reader, writer)
    for reader in READERS
    for writer in WRITERS
    if "Core ML" not in writer or reader in ("static.pb", "lite.tflite")
]


@needs_shared
@pytest.mark.parametrize(("reader", "writer"), PAIRS)
def test_each_reader_and_writer_agrees_with_tensorflow(
    tmp_path: Path, answers: dict[str, list[Answer]], reader: str, writer: str
) -> None:
    weights = read_network(source(reader, tmp_path))
    agree(WRITERS[writer](weights, tmp_path), answers[READERS[reader]])


@needs_shared
def test_a_rewritten_graph_is_the_same_to_tensorflow() -> None:
    """The test helper keeps graphs intact."""
    raw = STATIC.read_bytes()
    again = rewrite_constants(raw, lambda name, array: array + 0)
    one, other = tf.compat.v1.GraphDef(), tf.compat.v1.GraphDef()
    one.ParseFromString(raw)
    other.ParseFromString(again)
    for node, rewritten in zip(one.node, other.node):
        assert (node.name, node.op, list(node.input)) == (
            rewritten.name,
            rewritten.op,
            list(rewritten.input),
        )
        if node.op == "Const":
            np.testing.assert_array_equal(
                tf.make_ndarray(node.attr["value"].tensor),
                tf.make_ndarray(rewritten.attr["value"].tensor),
            )


def test_a_checkpoint_is_found_by_folder_prefix_and_index(tmp_path: Path) -> None:
    weights = random_weights(4)
    write_checkpoint(tensorflow_names(weights), tmp_path / "train")
    for name in ("train", "train/best_dev-7", "train/best_dev-7.index"):
        again = read_network(tmp_path / name)
        for layer, array in weights.layers.items():
            np.testing.assert_array_equal(again.layers[layer], array)


def test_a_checkpoint_of_another_network_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    write_checkpoint({f"{CELL}/kernel": np.zeros((2, 4), np.float32)}, tmp_path / "other")
    with pytest.raises(ConversionError, match="layer_1"):
        read_network(tmp_path / "other")
    write_checkpoint(tensorflow_names(random_weights(4)), tmp_path / "cut")
    for file in (tmp_path / "cut").glob("*.data*"):
        file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ConversionError):
        read_network(tmp_path / "cut")
    (tmp_path / "cut" / "best_dev-7.index").write_bytes(b"hello")
    with pytest.raises(ConversionError):
        read_network(tmp_path / "cut")
