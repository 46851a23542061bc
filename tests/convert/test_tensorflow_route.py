"""Apple's route through TensorFlow, checked by evaluating its results.

Needs TensorFlow (the extra ``tensorflow``); skipped where it is not installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamer.convert.check.checker import check_model
from streamer.convert.check.factory import create_evaluator
from streamer.convert.coreml import open_model
from streamer.convert.coreml.tensorflow_route import convert_graph
from streamer.convert.inspection import inspect_model
from streamer.convert.inspection.inspection import explain
from streamer.convert.readers import read_network
from streamer.errors import ConversionError
from streamer.features import DeepSpeechFrontEnd, Framer
from tests.conftest import SHARED, needs_shared

tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
pytest.importorskip("coremltools", reason="coremltools is not installed")
pytestmark = needs_shared

REFERENCE = SHARED / "reference"
STATIC = REFERENCE / "ds_v0.9.3_n64_static.pb"
DYNAMIC = REFERENCE / "ds_v0.9.3_n64_dynamic.pb"

# The guide's conversions: graph, requested steps, expected time axis (an open one if None).
ROUTES = [(STATIC, None, 16), (DYNAMIC, None, None), (DYNAMIC, 16, 16)]
#: An ML program must have a bound: three hours. A neural network takes any number of steps.
OPEN = {"mlprogram": (1, 540_000), "neuralnetwork": (1, -1)}


def samples() -> Any:
    recorded = np.load(REFERENCE / "new-home-in-the-stars-16k_samples_i16.npy")
    return recorded.astype(np.float32) / 32768


def windows(n_steps: int) -> list[tuple[Any, int]]:
    framer = Framer(DeepSpeechFrontEnd(), n_steps, 9)
    return [(w.features, w.n) for w in [*framer.feed(samples()), *framer.finish()]]


def run_tensorflow(graph: Path, inputs: list[tuple[Any, int]]) -> tuple[Any, Any, Any]:
    """TensorFlow's probabilities and last states, with the states passed on."""
    definition = tf.compat.v1.GraphDef()
    definition.ParseFromString(graph.read_bytes())
    rows = []
    with tf.Graph().as_default():
        tf.import_graph_def(definition, name="")
        with tf.compat.v1.Session() as session:
            c = h = np.zeros((1, 64), np.float32)
            for window, n in inputs:
                logits, c, h = session.run(
                    ["logits:0", "new_state_c:0", "new_state_h:0"],
                    {
                        "input_node:0": window,
                        "input_lengths:0": [n],
                        "previous_state_c:0": c,
                        "previous_state_h:0": h,
                    },
                )
                rows.append(logits[:n, 0])
    return np.concatenate(rows), c, h


def run_model(path: Path, inputs: list[tuple[Any, int]]) -> tuple[Any, Any, Any]:
    """The same for an evaluated Core ML model."""
    model = create_evaluator(open_model(path))
    c = h = np.zeros((1, 64), np.float32)
    rows = []
    for window, n in inputs:
        given = {
            "input_node": window,
            "input_lengths": np.array([n], np.int32),
            "previous_state_c": c,
            "previous_state_h": h,
        }
        found = model.predict(given)
        c, h = found["new_state_c"], found["new_state_h"]
        rows.append(found["logits"].reshape(window.shape[1], -1)[:n])
    return np.concatenate(rows), c, h


@pytest.mark.parametrize("form", ["mlprogram", "neuralnetwork"])
@pytest.mark.parametrize(("graph", "steps", "axis"), ROUTES)
def test_each_of_the_guides_conversions_computes_what_tensorflow_computes(
    tmp_path: Path, graph: Path, steps: int | None, axis: Any, form: str
) -> None:
    suffix = ".mlmodel" if form == "neuralnetwork" else ".mlpackage"
    path = convert_graph(graph, tmp_path / f"model{suffix}", steps, form, "fp32")
    shapes = {feature.name: feature.shape for feature in open_model(path).inputs}
    assert shapes["input_node"] == (1, OPEN[form] if axis is None else axis, 19, 26)
    assert {f.name for f in open_model(path).outputs} == {"logits", "new_state_c", "new_state_h"}
    report = check_model(path, read_network(graph), samples())
    assert report.passed, report.differences
    for found, truth in zip(run_model(path, windows(16)), run_tensorflow(graph, windows(16))):
        assert np.abs(found - truth).max() < 1e-5 * max(1.0, float(np.abs(truth).max()))


def test_half_precision_is_within_what_half_precision_costs(tmp_path: Path) -> None:
    path = convert_graph(STATIC, tmp_path / "model.mlpackage")
    report = check_model(path, read_network(STATIC), samples())
    assert (report.precision, report.passed) == ("fp16", True)


def test_static_chunks_and_one_dynamic_call_give_the_same_probabilities(tmp_path: Path) -> None:
    static = convert_graph(STATIC, tmp_path / "s.mlpackage", precision="fp32")
    dynamic = convert_graph(DYNAMIC, tmp_path / "d.mlpackage", precision="fp32")
    chunks = windows(16)
    assert chunks[-1][1] < 16, "the recording should have a tail"
    whole = np.concatenate([window[:, :n] for window, n in chunks], axis=1)
    in_chunks = run_model(static, chunks)
    at_once = run_model(dynamic, [(whole, whole.shape[1])])
    assert in_chunks[0].shape == at_once[0].shape == (whole.shape[1], 29)
    for a, b in zip(in_chunks, at_once):
        assert np.abs(a - b).max() < 2e-5
    assert np.array_equal(in_chunks[0].argmax(axis=1), at_once[0].argmax(axis=1))


def test_a_static_graph_keeps_its_steps(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="exported with 16 steps"):
        convert_graph(STATIC, tmp_path / "m.mlpackage", steps=8)


def test_the_command_makes_a_bundle(tmp_path: Path) -> None:
    from streamer.bundle import read_bundle
    from streamer.cli.app import run

    target = tmp_path / "bundle"
    arguments = ["convert", str(DYNAMIC), "-o", str(target), "--via", "tensorflow"]
    arguments += ["--author", "Ada", "--licence", "MPL-2.0"]
    assert run([*arguments, "--steps", "8", "--precision", "fp32"]) == 0
    bundle = read_bundle(target)
    assert bundle.n_steps == 8 and bundle.n_hidden == 64
    model = bundle.networks["coreml"]
    about = open_model(model).metadata
    assert (
        (about["author"], about["licence"]) == (bundle.author, bundle.licence) == ("Ada", "MPL-2.0")
    )
    assert check_model(model, read_network(DYNAMIC), samples()).passed


@pytest.mark.parametrize("form", ["mlprogram", "neuralnetwork"])
def test_nodes_of_other_names_become_the_outputs(tmp_path: Path, form: str) -> None:
    definition = tf.compat.v1.GraphDef()
    definition.ParseFromString(STATIC.read_bytes())
    names = {"logits": "new_state_c", "new_state_c": "cell", "new_state_h": "hidden"}
    for node in definition.node:
        node.name = names.get(node.name, node.name)
        for k, source in enumerate(node.input):
            node.input[k] = names.get(source, source)
    graph = tmp_path / "renamed.pb"
    graph.write_bytes(definition.SerializeToString())
    suffix = ".mlmodel" if form == "neuralnetwork" else ".mlpackage"
    with pytest.raises(ConversionError, match="no node logits"):
        convert_graph(graph, tmp_path / f"m{suffix}", format=form)
    path = convert_graph(
        graph,
        tmp_path / f"m{suffix}",
        format=form,
        precision="fp32",
        outputs=("new_state_c", "cell", "hidden"),
    )
    assert {f.name for f in open_model(path).outputs} == {"logits", "new_state_c", "new_state_h"}
    report = check_model(path, read_network(STATIC), samples())
    assert report.passed, report.differences


def test_inspect_says_in_words_what_a_dynamic_model_computes_at_run_time(tmp_path: Path) -> None:
    static = convert_graph(STATIC, tmp_path / "s.mlmodel", format="neuralnetwork")
    dynamic = convert_graph(DYNAMIC, tmp_path / "d.mlmodel", format="neuralnetwork")
    said = [dict(explain(inspect_model(path))) for path in (static, dynamic)]
    assert said[0]["windows"].startswith("static: always 16 steps")
    assert said[1]["windows"].startswith("dynamic: any number of steps")
    assert "getShape (1) reads the number of steps" in said[1]["sizes"]
    shapes = {port.name: port.shape for port in inspect_model(dynamic).inputs}
    assert shapes["input_node"] == "1, None, 19, 26"
    program = convert_graph(DYNAMIC, tmp_path / "d.mlpackage")
    assert "1 to 540000 steps" in dict(explain(inspect_model(program)))["windows"]
