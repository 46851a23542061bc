"""Writes a trained tagger as ONNX: ``python -m streamer.training.text_model.export RUN OUTPUT``.

Matrices are stored with 16 bits, which halves the file; everything is computed with 32.
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
from streamer.text.onnx_tagger import INPUTS, OUTPUTS
from streamer.text.tagger import PAUSE_FEATURES
from streamer.text.tags import MARKS, Case

_OPSET = 15
_IR_VERSION = 8
#: Constants with 16 bits beside the embedding; they are widened when the file is loaded.
_MATRICES = ("gru_w", "gru_r", "ahead_w", "hidden_w", "marks_w", "cases_w")


def read_weights(checkpoint: Path) -> dict[str, FloatArray]:
    """Read the weights of a training, rounded as they are stored."""
    import torch

    saved = torch.load(checkpoint, weights_only=True, map_location="cpu")
    return {name: rounded(value.numpy()) for name, value in saved["network"].items()}


def rounded(values: FloatArray) -> FloatArray:
    """Round a matrix as it is stored; vectors stay."""
    return values.astype(np.float16).astype(np.float32) if values.ndim > 1 else values


def write_onnx(weights: Mapping[str, FloatArray], path: Path) -> None:
    """Write the network as ONNX.

    Args:
        weights: as `streamer.text.numpy_tagger.NumpyTagger` takes them.
        path: of the new file.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    embedding = weights["embedding.weight"]
    size = embedding.shape[1]
    look_ahead = weights["ahead.weight"].shape[1] // size
    state_size = weights["recurrent.weight_hh_l0"].shape[1]
    constants: dict[str, Array] = {
        "embedding": embedding.astype(np.float16),
        "gru_w": _gates(weights["recurrent.weight_ih_l0"])[None],
        "gru_r": _gates(weights["recurrent.weight_hh_l0"])[None],
        "gru_b": np.concatenate(
            [_gates(weights["recurrent.bias_ih_l0"]), _gates(weights["recurrent.bias_hh_l0"])]
        )[None],
        "axis_0": np.array([0], dtype=np.int64),
        "axis_1": np.array([1], dtype=np.int64),
        "axes_12": np.array([1, 2], dtype=np.int64),
        "flat": np.array([0, look_ahead * size], dtype=np.int64),
        "front": np.array([0, 1], dtype=np.int64),
    }
    for name in ("ahead", "hidden", "marks", "cases"):
        constants[f"{name}_w"] = weights[f"{name}.weight"]
        constants[f"{name}_b"] = weights[f"{name}.bias"]

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> Any:
        return helper.make_node(kind, inputs, [output], **attributes)

    def dense(name: str, inputs: str, output: str) -> Any:
        return node("Gemm", [inputs, f"{name}_w", f"{name}_b"], output, transB=1)

    halves = [name for name in constants if name in _MATRICES]
    for name in halves:
        constants[f"{name}_16"] = constants.pop(name).astype(np.float16)
    nodes = [
        *(node("Cast", [f"{name}_16"], name, to=TensorProto.FLOAT) for name in halves),
        node("Gather", ["embedding", "numbers"], "words_16"),
        node("Cast", ["words_16"], "words", to=TensorProto.FLOAT),
        node("Concat", ["words", "before"], "inputs", axis=1),
        node("Unsqueeze", ["inputs", "axis_1"], "sequence"),
        node("Unsqueeze", ["state", "front"], "initial"),
        helper.make_node(
            "GRU",
            ["sequence", "gru_w", "gru_r", "gru_b", "", "initial"],
            ["gru"],
            hidden_size=state_size,
            linear_before_reset=1,
        ),
        node("Squeeze", ["gru", "axes_12"], "states"),
        node("Gather", ["embedding", "ahead"], "coming_16"),
        node("Cast", ["coming_16"], "coming", to=TensorProto.FLOAT),
        node("Reshape", ["coming", "flat"], "coming_flat"),
        dense("ahead", "coming_flat", "coming_dense"),
        node("Relu", ["coming_dense"], "coming_seen"),
        node("Concat", ["states", "words", "coming_seen", "pauses"], "seen", axis=1),
        dense("hidden", "seen", "hidden_dense"),
        node("Relu", ["hidden_dense"], "hidden"),
        dense("marks", "hidden", "marks"),
        dense("cases", "hidden", "cases"),
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
        [numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)])
    model.ir_version = _IR_VERSION
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def _gates(matrix: FloatArray) -> FloatArray:
    """Bring PyTorch's gates (reset, update, new) into ONNX's order (update, reset, new)."""
    reset, update, new = np.split(matrix, 3)
    return np.concatenate([update, reset, new])


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
