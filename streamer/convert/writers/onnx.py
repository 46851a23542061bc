"""Writes weights as ONNX models with the inputs and outputs of DeepSpeech's graph."""

from __future__ import annotations

import json
import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from streamer.acoustic.contract import (
    DEFAULT_STEPS,
    INPUT_LENGTHS,
    INPUT_NODE,
    LOGITS,
    NEW_C,
    NEW_H,
    PREVIOUS_C,
    PREVIOUS_H,
)
from streamer.acoustic.weights import Weights
from streamer.arrays import FloatArray
from streamer.convert.imports import import_onnx
from streamer.convert.options import check_steps
from streamer.convert.readers.onnx import DESCRIPTION_KEY, TENSORFLOW_TO_ONNX
from streamer.errors import ConversionError

#: Supported by every ONNX Runtime that the package allows; older ones have no axes as inputs.
OPSET = 13
IR_VERSION = 7


def write_onnx(
    weights: Weights, path: str | Path, steps: int = DEFAULT_STEPS, input_lengths: bool = True
) -> None:
    """Write a network as ``.onnx``, float32, with a fixed number of steps.

    Inputs ``input_node`` (1, steps, 2 * n_context + 1, n_input) float32,
    ``input_lengths`` (1) int32, ``previous_state_c`` and ``previous_state_h``
    (1, N) float32; outputs ``logits`` (steps, 1, n_labels), which are
    probabilities, ``new_state_c`` and ``new_state_h`` (1, N), taken after step
    ``input_lengths``.

    Args:
        weights: the network.
        path: the file; replaced if it exists.
        steps: 1 to 64.
        input_lengths: whether the network has this input.

    Raises:
        ConversionError: ``steps`` is out of range, the package ``onnx`` is
            missing, or the file cannot be written.
    """
    check_steps(steps)
    onnx = import_onnx()
    model = _build(onnx, weights, steps, input_lengths)
    try:
        onnx.save_model(model, str(path))
    except OSError as error:
        raise ConversionError(f"cannot write {path}: {error}", "choose another path") from error


def write_onnx_int8(
    weights: Weights, path: str | Path, steps: int = DEFAULT_STEPS, input_lengths: bool = True
) -> None:
    """Write a network as ``.onnx`` with 8-bit weights, dynamically quantised.

    Matrix products and the LSTM have int8 weights with a scale per column;
    activations are float32. The first and the last layer, a few percent of the
    weights, stay float32, which reduces the error of the probabilities to a
    tenth. Inputs and outputs are those of `write_onnx`.

    Args:
        weights: the network.
        path: the file; replaced if it exists.
        steps: 1 to 64.
        input_lengths: whether the network has this input.

    Raises:
        ConversionError: see `write_onnx`.
    """
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.onnx"
        write_onnx(weights, plain, steps, input_lengths)
        quantise_onnx(plain, path)


def quantise_onnx(source: str | Path, path: str | Path) -> None:
    """Quantise the weights of a float32 ``.onnx`` file to 8 bits.

    Args:
        source: the float32 file.
        path: the file; replaced if it exists.

    Raises:
        ConversionError: the package ``onnx`` is missing or the file cannot be written.
    """
    import_onnx()
    from onnxruntime.quantization import QuantType, quantize_dynamic

    # It advises pre-processing on the root logger; this graph needs none.
    root = logging.getLogger()
    root.addFilter(_drop)
    try:
        quantize_dynamic(
            str(source),
            str(path),
            op_types_to_quantize=["MatMul", "LSTM"],
            # MFCCs differ in size by more than 8 bits can resolve; the last layer is small and
            # causes one in six of the frames whose best label changes.
            nodes_to_exclude=["layer_1/product", "layer_6/product"],
            per_channel=True,
            # Signed weights overflow on x86 processors without VNNI, which add pairs of
            # products in 16 bits.
            weight_type=QuantType.QUInt8,
        )
    except OSError as error:
        raise ConversionError(f"cannot write {path}: {error}", "choose another path") from error
    finally:
        root.removeFilter(_drop)


def _drop(record: logging.LogRecord) -> bool:
    return False


def _build(onnx: Any, weights: Weights, steps: int, input_lengths: bool) -> Any:
    helper, numbers = onnx.helper, onnx.numpy_helper
    float_type, int_type = onnx.TensorProto.FLOAT, onnx.TensorProto.INT32
    n, labels = weights.n_hidden, weights.n_labels
    width = 2 * weights.n_context + 1
    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, value: Any) -> str:
        constants.append(numbers.from_array(np.ascontiguousarray(value), name))
        return name

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def dense(layer: str, x: str) -> str:
        # MatMul and Add, not Gemm, which dynamic quantisation does not support.
        kernel = constant(f"{layer}/weights", weights.layers[f"{layer}/weights"])
        bias = constant(f"{layer}/bias", weights.layers[f"{layer}/bias"])
        return node("Add", [node("MatMul", [x, kernel], f"{layer}/product"), bias], f"{layer}/sum")

    def hidden(layer: str, x: str) -> str:
        return node("Clip", [dense(layer, x), "zero", "relu_clip"], layer)

    constant("zero", np.float32(0))
    constant("relu_clip", np.float32(weights.relu_clip))
    rows = constant("rows", np.array([steps, -1], np.int64))
    x = node("Reshape", [INPUT_NODE, rows], "rows_of_features")
    for layer in ("layer_1", "layer_2", "layer_3"):
        x = hidden(layer, x)

    sequence = node("Reshape", [x, constant("sequence", np.array([steps, 1, n]))], "lstm_input")
    state_shape = constant("state", np.array([1, 1, n]))
    h = node("Reshape", [PREVIOUS_H, state_shape], "lstm_h")
    c = node("Reshape", [PREVIOUS_C, state_shape], "lstm_c")
    kernel = weights.layers["lstm/kernel"]
    bias = _reorder(weights.layers["lstm/bias"]).copy()
    bias[2 * n : 3 * n] += np.float32(weights.forget_bias)
    nodes.append(
        helper.make_node(
            "LSTM",
            [
                sequence,
                constant("lstm/inputs", _reorder(kernel[:n]).T[None]),
                constant("lstm/recurrent", _reorder(kernel[n:]).T[None]),
                constant("lstm/bias", np.concatenate([bias, np.zeros_like(bias)])[None]),
                INPUT_LENGTHS if input_lengths else "",
                h,
                c,
            ],
            ["lstm_steps", "lstm_last_h", "lstm_last_c"],
            name="lstm",
            hidden_size=n,
        )
    )
    two = constant("two", np.array([1, n]))
    node("Reshape", ["lstm_last_c", two], NEW_C)
    node("Reshape", ["lstm_last_h", two], NEW_H)
    x = node("Reshape", ["lstm_steps", constant("outputs", np.array([steps, n]))], "lstm_rows")
    x = dense("layer_6", hidden("layer_5", x))
    if len(weights.groups) == 1:
        x = node("Softmax", [x], "probabilities", axis=1)
    else:
        parts = ["letters", "phonemes"]
        sizes = constant("groups", np.array(weights.groups, np.int64))
        nodes.append(helper.make_node("Split", [x, sizes], parts, name="parts", axis=1))
        x = node(
            "Concat",
            [node("Softmax", [part], f"{part}/probabilities", axis=1) for part in parts],
            "probabilities",
            axis=1,
        )
    node("Reshape", [x, constant("logits_shape", np.array([steps, 1, labels]))], LOGITS)

    def value(name: str, kind: int, *shape: int) -> Any:
        return helper.make_tensor_value_info(name, kind, shape)

    inputs = [value(INPUT_NODE, float_type, 1, steps, width, weights.n_input)]
    if input_lengths:
        inputs.append(value(INPUT_LENGTHS, int_type, 1))
    inputs += [value(name, float_type, 1, n) for name in (PREVIOUS_C, PREVIOUS_H)]
    outputs = [value(LOGITS, float_type, steps, 1, labels)]
    outputs += [value(name, float_type, 1, n) for name in (NEW_C, NEW_H)]
    graph = helper.make_graph(nodes, "deepspeech", inputs, outputs, constants)
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="streamer",
    )
    description = {**weights.description, "n_steps": steps}
    helper.set_model_props(model, {DESCRIPTION_KEY: json.dumps(description, ensure_ascii=False)})
    return model


def _reorder(columns: FloatArray) -> FloatArray:
    """Return the LSTM's columns (..., 4N) in ONNX's order of gates."""
    blocks = np.split(columns, 4, axis=-1)
    return np.concatenate([blocks[k] for k in TENSORFLOW_TO_ONNX], axis=-1)
