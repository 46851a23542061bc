"""``streamer inspect`` on models of each format."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.convert.coreml import write_coreml
from streamer.convert.inspection import inspect_model, inspection_rows
from streamer.convert.inspection.inspection import explain
from streamer.convert.writers.onnx import write_onnx
from streamer.errors import ConversionError
from tests.conftest import SHARED, needs_shared
from tests.support.models.bundles import random_weights

REFERENCE = SHARED / "reference"
STATIC = REFERENCE / "ds_v0.9.3_n64_static.pb"
DYNAMIC = REFERENCE / "ds_v0.9.3_n64_dynamic.pb"
LITE = REFERENCE / "ds_v0.9.3_n64.tflite"


def run(*arguments: str) -> int:
    from streamer.cli.app import run as run_command

    return run_command(list(arguments))


@needs_shared
def test_a_static_and_a_dynamic_graph_differ_in_their_time_axis() -> None:
    static, dynamic = inspect_model(STATIC), inspect_model(DYNAMIC)
    shapes = [
        {port.name: port.shape for port in found.inputs}["input_node"]
        for found in (static, dynamic)
    ]
    assert shapes == ["1, 16, 19, 26", "1, None, 19, 26"]
    rows = [inspection_rows(found) for found in (static, dynamic)]
    assert ("inputs", "input_node", "float32 (1, None, 19, 26)") in rows[1]
    words = [dict(explain(found)) for found in (static, dynamic)]
    assert words[0]["windows"] == "static: always 16 steps; the last window is padded"
    assert words[1]["sizes"] == "Shape (1) reads the number of steps from the input"
    for found in (static, dynamic):
        assert {port.name for port in found.outputs} == {
            "logits",
            "new_state_c",
            "new_state_h",
            "mfccs",
        }
        assert found.operations["BlockLSTM"] == 1 and "Const" not in found.operations
        assert found.metadata["sample_rate"] == "16000"
        assert found.metadata["alphabet"] == " abcdefghijklmnopqrstuvwxyz'"


@needs_shared
def test_a_tensorflow_lite_file_shows_its_unrolled_lstm() -> None:
    found = inspect_model(LITE)
    assert found.operations["FULLY_CONNECTED"] == 21 and found.operations["TANH"] == 32
    inputs = {port.name: (port.dtype, port.shape) for port in found.inputs}
    assert inputs["input_node"] == ("float32", "1, 16, 19, 26")
    assert "input_lengths" not in inputs


def test_core_ml_models_show_shapes_states_operations_and_metadata(tmp_path: Path) -> None:
    pytest.importorskip("coremltools", reason="coremltools is not installed")
    weights = random_weights(64)  # coremltools leaves smaller matrices as they are
    path = write_coreml(weights, tmp_path / "m.mlpackage", 4, "stateful", "int8")
    found = inspect_model(path)
    assert found.kind == "Core ML program" and found.metadata["precision"] == "int8"
    assert [(s.name, s.dtype, s.shape) for s in found.states] == [
        ("state_c", "float16", "1, 64"),
        ("state_h", "float16", "1, 64"),
    ]
    assert found.operations["conv"] == 6 + 4 and "const" not in found.operations
    assert found.size_bytes == sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
    older = write_coreml(weights, tmp_path / "m.mlmodel", 4, format="neuralnetwork")
    assert inspect_model(older).operations["uniDirectionalLSTM"] == 1


def test_two_models_stand_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("coremltools", reason="coremltools is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    weights = random_weights(16)
    write_onnx(weights, tmp_path / "a.onnx", 4)
    write_coreml(weights, tmp_path / "b.mlpackage", 8)
    assert run("inspect", str(tmp_path / "a.onnx"), str(tmp_path / "b.mlpackage")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["a.onnx", "b.mlpackage"]
    window = [line for line in lines if "input_node" in line]
    assert len(window) == 1 and "1, 4, 19, 26" in window[0] and "1, 8, 19, 26" in window[0]
    # Only Core ML can tell the plan.
    import sys

    assert ("compute plan" in "".join(lines)) == (sys.platform == "darwin")


@pytest.mark.parametrize("suffix", ["pb", "pbmm", "tflite", "onnx", "mlmodel", "mlpackage", "txt"])
def test_what_is_no_model_is_a_one_line_error(tmp_path: Path, suffix: str) -> None:
    if suffix == "onnx":
        pytest.importorskip("onnx", reason="onnx is not installed")
    if suffix.startswith("ml"):
        pytest.importorskip("coremltools", reason="coremltools is not installed")
    for content in (None, b"", b"\x00" * 100, b"this is no model\n" * 20):
        path = tmp_path / f"model.{suffix}"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ConversionError) as error:
            found = inspect_model(path)
            raise AssertionError(found)
        assert "\n" not in str(error.value)


def test_output_nodes_are_for_the_route_through_tensorflow(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["convert", "graph.pb", "-o", str(tmp_path / "b"), "--output-node", "softmax"]
    assert run(*arguments) != 0
    assert "add --via tensorflow" in capsys.readouterr().err
