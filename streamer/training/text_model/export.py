"""Writes a trained tagger as ONNX: ``python -m streamer.training.text_model.export RUN OUTPUT``.

Matrices are stored with 8 bits and a factor for each row; everything is computed with 32. They are
widened when the file is loaded, rows of the embedding when they are looked up.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from streamer.arrays import Array, FloatArray
from streamer.text.model import DESCRIPTION_FILE, TAGGER_FILE, WORDS_FILE
from streamer.text.numpy_tagger import number_of_convolutions
from streamer.text.onnx_tagger import INPUTS, OUTPUTS
from streamer.text.tagger import PAUSE_FEATURES, WIDTH
from streamer.text.tags import MARKS, Case

_OPSET = 15
_IR_VERSION = 8
_MOST_INT8 = 127


def read_weights(checkpoint: Path) -> dict[str, FloatArray]:
    """Read the weights of a training, rounded as they are stored."""
    import torch

    saved = torch.load(checkpoint, weights_only=True, map_location="cpu")
    return {name: rounded(value.numpy()) for name, value in saved["network"].items()}


def rounded(values: FloatArray) -> FloatArray:
    """Round a matrix as it is stored; vectors stay."""
    if values.ndim < 2:
        return values
    steps, factors = _in_8_bits(values)
    return steps.astype(np.float32) * factors


def _in_8_bits(matrix: FloatArray) -> tuple[Array, FloatArray]:
    """Return a matrix as int8 (rows, columns) and factors, float32 (rows, 1)."""
    most = np.abs(matrix).max(axis=1, keepdims=True)
    factors = np.where(most > 0, most / _MOST_INT8, 1).astype(np.float32)
    return np.rint(matrix / factors).astype(np.int8), factors


def write_onnx(weights: Mapping[str, FloatArray], path: Path) -> None:
    """Write the network as ONNX.

    Args:
        weights: as `streamer.text.numpy_tagger.NumpyTagger` takes them.
        path: of the new file.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    layers = [f"ahead.{k}" for k in range(number_of_convolutions(weights))]
    look_ahead = (WIDTH - 1) * len(layers)
    state_size = weights["recurrent.weight_hh_l0"].shape[1]
    dense = ("hidden", "marks", "cases")
    matrices = {
        "table": weights["embedding.weight"],
        "gru_w": _gates(weights["recurrent.weight_ih_l0"]),
        "gru_r": _gates(weights["recurrent.weight_hh_l0"]),
        **{f"{name}_w": weights[f"{name}.weight"] for name in (*layers, *dense)},
    }
    constants: dict[str, Array] = {
        "gru_b": np.concatenate(
            [_gates(weights["recurrent.bias_ih_l0"]), _gates(weights["recurrent.bias_hh_l0"])]
        )[None],
        **{f"{name}_b": weights[f"{name}.bias"] for name in (*layers, *dense)},
        "first": np.array(0, dtype=np.int64),
        "axis_1": np.array([1], dtype=np.int64),
        "axis_2": np.array([2], dtype=np.int64),
        "axes_12": np.array([1, 2], dtype=np.int64),
        "front": np.array([0, 1], dtype=np.int64),
    }

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> Any:
        return helper.make_node(kind, inputs, [output], **attributes)

    nodes = []
    for name, matrix in matrices.items():
        steps, factors = _in_8_bits(matrix)
        if name.startswith("gru"):
            steps, factors = steps[None], factors[None]
        elif name.startswith("ahead"):  # (out, width, in) to (out, in, width)
            steps = steps.reshape(len(steps), WIDTH, -1).transpose(0, 2, 1)
            factors = factors[..., None]
        constants[f"{name}_8"], constants[f"{name}_factors"] = steps, factors
        if name != "table":
            nodes += [
                node("Cast", [f"{name}_8"], f"{name}_32", to=TensorProto.FLOAT),
                node("Mul", [f"{name}_32", f"{name}_factors"], name),
            ]
    nodes += [
        node("Unsqueeze", ["numbers", "axis_1"], "own"),
        node("Concat", ["own", "ahead"], "all", axis=1),
        node("Gather", ["table_8", "all"], "windows_8"),
        node("Gather", ["table_factors", "all"], "windows_factors"),
        node("Cast", ["windows_8"], "windows_32", to=TensorProto.FLOAT),
        node("Mul", ["windows_32", "windows_factors"], "windows"),
        node("Gather", ["windows", "first"], "words", axis=1),
        node("Transpose", ["windows"], "columns", perm=[0, 2, 1]),
    ]
    columns = "columns"
    for name in layers:
        nodes += [
            node("Conv", [columns, f"{name}_w", f"{name}_b"], f"{name}_sum"),
            node("Relu", [f"{name}_sum"], f"{name}_columns"),
        ]
        columns = f"{name}_columns"
    nodes += [
        node("Squeeze", [columns, "axis_2"], "coming"),
        node("Concat", ["words", "coming", "pauses"], "seen", axis=1),
        node("Concat", ["seen", "before"], "inputs", axis=1),
        node("Unsqueeze", ["inputs", "axis_1"], "sequence"),
        node("Unsqueeze", ["state", "front"], "initial"),
        node(
            "GRU",
            ["sequence", "gru_w", "gru_r", "gru_b", "", "initial"],
            "gru",
            hidden_size=state_size,
            linear_before_reset=1,
        ),
        node("Squeeze", ["gru", "axes_12"], "states"),
        node("Concat", ["states", "seen"], "everything", axis=1),
        node("Gemm", ["everything", "hidden_w", "hidden_b"], "hidden_sum", transB=1),
        node("Relu", ["hidden_sum"], "hidden"),
        node("Gemm", ["hidden", "marks_w", "marks_b"], "marks", transB=1),
        node("Gemm", ["hidden", "cases_w", "cases_b"], "cases", transB=1),
    ]
    shapes: dict[str, tuple[int, list[Any]]] = {
        "numbers": (TensorProto.INT64, ["n"]),
        "ahead": (TensorProto.INT64, ["n", look_ahead]),
        "pauses": (TensorProto.FLOAT, ["n", PAUSE_FEATURES]),
        "before": (TensorProto.FLOAT, ["n", PAUSE_FEATURES]),
        "state": (TensorProto.FLOAT, [state_size]),
        "marks": (TensorProto.FLOAT, ["n", len(MARKS)]),
        "cases": (TensorProto.FLOAT, ["n", len(Case)]),
        "states": (TensorProto.FLOAT, ["n", state_size]),
    }
    graph = helper.make_graph(
        nodes,
        "tagger",
        [helper.make_tensor_value_info(name, *shapes[name]) for name in INPUTS],
        [helper.make_tensor_value_info(name, *shapes[name]) for name in OUTPUTS],
        [numpy_helper.from_array(np.asarray(v, order="C"), k) for k, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)])
    model.ir_version = _IR_VERSION
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def read_onnx(path: Path) -> dict[str, FloatArray]:
    """Return the weights of a tagger that `write_onnx` wrote, by PyTorch's names."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(path)).graph
    stored = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    bias_input, bias_state = np.split(stored["gru_b"][0], 2)
    weights = {
        "embedding.weight": _widened(stored, "table"),
        "recurrent.weight_ih_l0": _gates(_widened(stored, "gru_w")[0]),
        "recurrent.weight_hh_l0": _gates(_widened(stored, "gru_r")[0]),
        "recurrent.bias_ih_l0": _gates(bias_input),
        "recurrent.bias_hh_l0": _gates(bias_state),
    }
    for name in (each[:-2] for each in stored if each.endswith("_b") and each != "gru_b"):
        matrix = _widened(stored, f"{name}_w")
        if matrix.ndim == 3:  # (out, in, width) to (out, width in)
            matrix = matrix.transpose(0, 2, 1).reshape(len(matrix), -1)
        weights |= {f"{name}.weight": matrix, f"{name}.bias": stored[f"{name}_b"]}
    return weights


def _widened(stored: Mapping[str, Array], name: str) -> FloatArray:
    result: FloatArray = stored[f"{name}_8"].astype(np.float32) * stored[f"{name}_factors"]
    return result


def _gates(matrix: FloatArray) -> FloatArray:
    """Bring PyTorch's gates (reset, update, new) into ONNX's order (update first), or back."""
    first, second, new = np.split(matrix, 3)
    return np.concatenate([second, first, new])


def main(arguments: list[str] | None = None) -> None:
    """Write the files of a text model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a training")
    parser.add_argument("output", type=Path, help="folder of the text model")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    write_onnx(read_weights(options.run / "checkpoint.pt"), options.output / TAGGER_FILE)
    shutil.copy(options.run / WORDS_FILE, options.output / WORDS_FILE)
    if (options.run / DESCRIPTION_FILE).exists():
        shutil.copy(options.run / DESCRIPTION_FILE, options.output / DESCRIPTION_FILE)
    else:  # a training that has not ended
        description = {"mark_bias": [0.0] * len(MARKS), "case_bias": [0.0] * len(Case)}
        text = json.dumps(description) + "\n"
        (options.output / DESCRIPTION_FILE).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
