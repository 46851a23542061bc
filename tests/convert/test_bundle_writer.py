"""Conversions from networks to bundles, in Python and on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from streamer.acoustic.numpy_model import NumpyAcousticModel
from streamer.bundle import load_bundle
from streamer.cli.commands.model.convert import register
from streamer.convert import convert_to_bundle, read_network
from streamer.convert.writers.safetensors import write_safetensors
from streamer.decoding.alphabet import read_alphabet
from streamer.errors import ConversionError, ModelError, UsageError
from streamer.features import DeepSpeechFrontEnd, Framer
from streamer.models.backends import load_acoustic_model
from tests.conftest import SHARED, needs_shared
from tests.support.models.bundles import LABELS, random_weights
from tests.support.models.coreml_models import speech_like
from tests.support.models.graphs import graph_bytes, memory_mapped
from tests.support.models.lite import lite_bytes

REFERENCE = SHARED / "reference"
ORIGINALS = ["ds_v0.9.3_n64_static.pb", "ds_v0.9.3_n64_dynamic.pb", "ds_v0.9.3_n64.tflite"]


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    path = tmp_path / "Output Graph.pbmm"
    path.write_bytes(memory_mapped(random_weights(8)))
    return path


def test_a_bundle_comes_out_whole(graph: Path, tmp_path: Path) -> None:
    bundle = convert_to_bundle(
        graph, tmp_path / "out", formats=["onnx", "safetensors"], steps=4, licence="MPL-2.0"
    )
    assert bundle.name == "output-graph"
    assert (bundle.n_steps, bundle.n_hidden, bundle.licence) == (4, 8, "MPL-2.0")
    assert read_alphabet(bundle.alphabet_path).labels == tuple(LABELS)
    assert bundle.front_end_description == DeepSpeechFrontEnd().describe()
    oracle = NumpyAcousticModel(random_weights(8), 4, np.float64)
    window = np.random.default_rng(0).standard_normal((1, 4, 19, 26)).astype(np.float32) * 9
    expected, _ = oracle.infer(window, 4, oracle.initial_state())
    for backend in ("onnx", "numpy"):
        model = load_acoustic_model(load_bundle(tmp_path / "out"), backend)
        ours, _ = model.infer(window, 4, model.initial_state())
        np.testing.assert_allclose(ours, expected, atol=1e-5)
    files = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert files == ["alphabet.txt", "model.json", "output-graph.onnx", "output-graph.safetensors"]


def test_numpy_reads_the_weights_of_the_onnx_network(graph: Path, tmp_path: Path) -> None:
    bundle = convert_to_bundle(graph, tmp_path / "out", formats=["onnx"], steps=4)
    assert bundle.networks["numpy"] == bundle.networks["onnx"]
    oracle = NumpyAcousticModel(random_weights(8), 4)
    model = load_acoustic_model(bundle, "numpy")
    window = np.random.default_rng(0).standard_normal((1, 4, 19, 26)).astype(np.float32) * 9
    expected, _ = oracle.infer(window, 4, oracle.initial_state())
    ours, _ = model.infer(window, 4, model.initial_state())
    np.testing.assert_allclose(ours, expected, atol=1e-6)
    small = convert_to_bundle(
        graph, tmp_path / "small", formats=["onnx"], steps=4, precision="int8"
    )
    assert set(small.networks) == {"onnx-int8"}


def test_it_can_be_converted_again_into_the_same_folder(graph: Path, tmp_path: Path) -> None:
    for steps in (4, 8):
        convert_to_bundle(graph, tmp_path / "out", formats=["onnx"], steps=steps)
    assert load_acoustic_model(load_bundle(tmp_path / "out"), "onnx").n_steps == 8


def test_int8_is_asked_for_by_precision(graph: Path, tmp_path: Path) -> None:
    bundle = convert_to_bundle(graph, tmp_path / "out", formats=["onnx"], precision="int8")
    assert list(bundle.networks) == ["onnx-int8"]
    assert load_acoustic_model(bundle, "onnx").n_hidden == 8


@pytest.mark.parametrize("steps", [0, 65, -1])
def test_a_number_of_steps_that_cannot_be_is_refused(
    graph: Path, tmp_path: Path, steps: int
) -> None:
    with pytest.raises(ConversionError, match="1 to 64"):
        convert_to_bundle(graph, tmp_path / "out", steps=steps)


@pytest.mark.parametrize(
    "arguments",
    [
        {"formats": ["gguf"]},
        {"shapes": ["round"]},
        {"formats": ["onnx"], "shapes": ["lstm"]},
        {"precision": "fp8"},
    ],
)
def test_what_cannot_be_written_is_refused(graph: Path, tmp_path: Path, arguments: Any) -> None:
    with pytest.raises(ConversionError):
        convert_to_bundle(graph, tmp_path / "out", **arguments)
    assert not (tmp_path / "out").exists()


def test_a_failed_conversion_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "bad.pb").write_bytes(b"\x0a\xff")
    with pytest.raises(ConversionError):
        convert_to_bundle(tmp_path / "bad.pb", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_damaged_scorer_is_refused_and_the_old_bundle_stays(graph: Path, tmp_path: Path) -> None:
    convert_to_bundle(graph, tmp_path / "out", formats=["onnx"], steps=4)
    (tmp_path / "bad.scorer").write_bytes(b"nothing like it")
    with pytest.raises(ModelError):
        convert_to_bundle(
            graph, tmp_path / "out", formats=["onnx"], steps=8, scorer=tmp_path / "bad.scorer"
        )
    assert load_acoustic_model(load_bundle(tmp_path / "out"), "onnx").n_steps == 4
    assert not list((tmp_path / "out").glob(".*"))


def test_a_network_that_does_not_know_its_labels_needs_an_alphabet(tmp_path: Path) -> None:
    source = tmp_path / "w.safetensors"
    write_safetensors(random_weights(8, n_labels=4, description={"alphabet": None}), source)
    with pytest.raises(ConversionError, match="--alphabet"):
        convert_to_bundle(source, tmp_path / "out", formats=["onnx"])
    alphabet = tmp_path / "alphabet.txt"
    alphabet.write_text(" \na\n", encoding="utf-8")
    with pytest.raises(ConversionError, match="4 outputs"):
        convert_to_bundle(source, tmp_path / "out", formats=["onnx"], alphabet=alphabet)
    alphabet.write_text("# comment\n \na\n\\#\n", encoding="utf-8")
    bundle = convert_to_bundle(source, tmp_path / "out", formats=["onnx"], alphabet=alphabet)
    assert read_alphabet(bundle.alphabet_path).labels == (" ", "a", "#")


@needs_shared
@pytest.mark.parametrize("name", ORIGINALS)
@pytest.mark.parametrize("steps", [1, 5, 16])
def test_the_originals_run_the_same_in_every_form_and_number_of_steps(
    tmp_path: Path, name: str, steps: int
) -> None:
    """On real features, with the state passed on and a short last window."""
    samples = np.load(REFERENCE / "new-home-in-the-stars-16k_samples_i16.npy")[:24000]
    framer = Framer(DeepSpeechFrontEnd(), steps, 9)
    windows = framer.feed(samples.astype(np.float32) / 32768) + framer.finish()
    whole = Framer(DeepSpeechFrontEnd(), 1, 9)
    features = [w.features[0, 0] for w in whole.feed(samples.astype(np.float32) / 32768)]
    features += [w.features[0, 0] for w in whole.finish()]
    oracle = NumpyAcousticModel(read_network(REFERENCE / name), dtype=np.float64)
    expected, last = oracle.infer(np.stack(features)[None], len(features), oracle.initial_state())
    bundle = convert_to_bundle(
        REFERENCE / name, tmp_path / "out", formats=["onnx", "safetensors"], steps=steps
    )
    for backend in ("onnx", "numpy"):
        model = load_acoustic_model(bundle, backend)
        rows: list[Any] = []
        state = model.initial_state()
        for window in windows:
            part, state = model.infer(window.features, window.n, state)
            rows.append(part)
        np.testing.assert_allclose(np.concatenate(rows), expected, rtol=0, atol=1e-5)
        np.testing.assert_allclose(state, last, rtol=0, atol=1e-4)


@needs_shared
def test_the_original_scorer_goes_into_the_bundle(graph: Path, tmp_path: Path) -> None:
    bundle = convert_to_bundle(
        graph, tmp_path / "out", formats=["onnx"], scorer=REFERENCE / "pruned_lm.scorer"
    )
    assert bundle.scorer_path is not None
    original = (REFERENCE / "pruned_lm.scorer").read_bytes()
    assert bundle.scorer_path.read_bytes() == original


def run(*arguments: Any) -> Any:
    app = typer.Typer()
    register(app)
    app.command("other")(lambda: None)
    return CliRunner().invoke(app, ["convert", *map(str, arguments)])


def test_the_command_writes_a_bundle_and_says_what_is_in_it(graph: Path, tmp_path: Path) -> None:
    result = run(graph, "-o", tmp_path / "out", "--steps", 2, "--format", "onnx", "--name", "mine")
    assert result.exit_code == 0, result.output
    assert "mine.onnx" in result.output
    contents = json.loads((tmp_path / "out" / "model.json").read_text(encoding="utf-8"))
    assert (contents["name"], contents["n_steps"]) == ("mine", 2)


def test_the_command_takes_every_reader(tmp_path: Path) -> None:
    weights = random_weights(4)
    (tmp_path / "a.pb").write_bytes(graph_bytes(weights))
    (tmp_path / "a.pbmm").write_bytes(memory_mapped(weights))
    (tmp_path / "a.tflite").write_bytes(lite_bytes(weights)[0])
    write_safetensors(weights, tmp_path / "a.safetensors")
    for file in sorted(tmp_path.glob("a.*")):
        out = tmp_path / f"out{file.suffix}"
        result = run(file, "-o", out, "--format", "onnx")
        assert result.exit_code == 0, result.output
        result = run(out / "a.onnx", "-o", tmp_path / "again", "--format", "safetensors")
        assert result.exit_code == 0, result.output


def test_the_command_hands_errors_on(tmp_path: Path) -> None:
    result = run(tmp_path / "missing.pb", "-o", tmp_path / "out")
    assert isinstance(result.exception, ConversionError)
    result = run(tmp_path / "missing.pb", "-o", tmp_path / "out", "--via", "magic")
    assert isinstance(result.exception, UsageError)


def test_core_ml_is_written_in_every_format(graph: Path, tmp_path: Path) -> None:
    pytest.importorskip("coremltools")
    bundle = convert_to_bundle(
        graph, tmp_path / "out", formats=["onnx", "mlprogram", "neuralnetwork"], steps=4
    )
    assert set(bundle.networks) == {"onnx", "numpy", "coreml-unrolled", "coreml-neuralnetwork"}
    assert bundle.networks["coreml-unrolled"].is_dir()


def operations(package: Path) -> set[str]:
    from streamer.convert.check.stored_precision import program_operations
    from streamer.convert.coreml import open_model

    return {operation.type for operation in program_operations(open_model(package).spec)}


def test_a_core_ml_network_is_unrolled_by_default_and_each_shape_has_its_name(
    graph: Path, tmp_path: Path
) -> None:
    pytest.importorskip("coremltools")
    out = tmp_path / "out"
    arguments = ["--steps", 2, "--name", "m", "--format", "mlprogram"]
    assert run(graph, "-o", out, *arguments).exit_code == 0
    assert load_bundle(out).networks == {"coreml-unrolled": out / "m.mlpackage"}
    assert not operations(out / "m.mlpackage") & {"lstm", "while_loop", "gather", "scatter"}
    shapes = ["--shape", "lstm", "--shape", "unrolled", "--shape", "stateful"]
    assert run(graph, "-o", out, *arguments, *shapes).exit_code == 0
    assert load_bundle(out).networks == {
        "coreml-lstm": out / "m.lstm.mlpackage",
        "coreml-unrolled": out / "m.mlpackage",
        "coreml-stateful": out / "m.stateful.mlpackage",
    }
    assert "lstm" in operations(out / "m.lstm.mlpackage")


def test_a_shape_that_cannot_be_is_refused_before_anything_is_written(
    graph: Path, tmp_path: Path
) -> None:
    for arguments in (["--shape", "round"], ["--format", "onnx", "--shape", "lstm"]):
        result = run(graph, "-o", tmp_path / "out", *arguments)
        assert isinstance(result.exception, ConversionError)
    result = run(graph, "-o", tmp_path / "out", "--via", "tensorflow", "--shape", "lstm")
    assert isinstance(result.exception, UsageError)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("form", "axis"), [("mlprogram", "1..540000"), ("neuralnetwork", "None")])
def test_a_core_ml_network_takes_any_number_of_steps_if_asked(
    graph: Path, tmp_path: Path, form: str, axis: str
) -> None:
    pytest.importorskip("coremltools")
    from streamer.convert.check.checker import check_model
    from streamer.convert.inspection.inspect_model import inspect_model
    from streamer.convert.inspection.inspection import inspection_rows

    out = tmp_path / "out"
    formats = ["--format", "onnx", "--format", form]
    assert run(graph, "-o", out, "--name", "m", "--steps", "any", *formats).exit_code == 0
    bundle = load_bundle(out)
    assert bundle.n_steps == 16 and load_acoustic_model(bundle, "onnx").n_steps == 16
    kind, path = bundle.choose_network("coreml")
    assert kind == ("coreml-lstm" if form == "mlprogram" else "coreml-neuralnetwork")
    rows = inspection_rows(inspect_model(path))
    shapes = [value for heading, name, value in rows if (heading, name) == ("inputs", "input_node")]
    assert [shape.partition(" ")[2] for shape in shapes] == [f"(1, {axis}, 19, 26)"]
    report = check_model(path, read_network(graph), speech_like(3.0))
    assert report.passed and "one call" in {each.stream for each in report.differences}


def test_any_number_of_steps_is_for_one_shape_of_core_ml(graph: Path, tmp_path: Path) -> None:
    for arguments in (
        ["--format", "mlprogram", "--shape", "unrolled"],
        ["--format", "mlprogram", "--lengths"],
        ["--format", "onnx"],
    ):
        result = run(graph, "-o", tmp_path / "out", "--steps", "any", *arguments)
        assert isinstance(result.exception, ConversionError)
    for arguments in (["--steps", "any", "--via", "tensorflow"], ["--steps", "many"]):
        result = run(graph, "-o", tmp_path / "out", *arguments)
        assert isinstance(result.exception, UsageError)
    assert not (tmp_path / "out").exists()
