"""Reads weights from ONNX files written by `streamer.convert.writers.onnx`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from streamer.acoustic.weights import Weights
from streamer.arrays import FloatArray
from streamer.convert.readers.mapped_file import damaged_file_error, map_file
from streamer.errors import ConversionError, ModelError
from streamer.untrusted.damage import DamagedError
from streamer.untrusted.onnx_file import OnnxFile, OnnxTensor, element_count, read_onnx_file

#: Key of the file's metadata with the weights' description as JSON.
DESCRIPTION_KEY = "streamer"
#: Order of the LSTM's gates: TensorFlow has i, j, f, o; ONNX has i, o, f, c (its name for j).
TENSORFLOW_TO_ONNX = (0, 3, 2, 1)
#: ONNX's data type number of float32.
_FLOAT = 1


def read_onnx(path: Path) -> Weights:
    """Read the weights of a float32 ``.onnx`` file written by streamer.

    Args:
        path: the file.

    Raises:
        ConversionError: it is missing or damaged, was not written by streamer,
            or is quantised.
    """
    try:
        file = read_onnx_file(map_file(path))
        return _weights(file.constants, _description(file))
    except (DamagedError, ModelError) as error:
        reason = error.what if isinstance(error, ModelError) else error
        raise damaged_file_error(path, "an ONNX network written by streamer", reason) from error


def _description(file: OnnxFile) -> dict[str, Any]:
    text = file.metadata.get(DESCRIPTION_KEY)
    if text is None:
        raise DamagedError("it was not written by streamer")
    try:
        description = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedError("its description cannot be decoded") from error
    if not isinstance(description, dict):
        raise DamagedError("its description is not a JSON object")
    return description


def _array(tensors: dict[str, OnnxTensor], name: str, dimensions: int) -> FloatArray:
    tensor = tensors.get(name)
    if tensor is None:
        raise DamagedError(f"{name} is missing")
    if tensor.kind != _FLOAT or tensor.data is None:
        raise DamagedError(f"{name} is not float32, or is in another file")
    size = 4 * element_count(tensor.shape)
    if len(tensor.shape) != dimensions or min(tensor.shape) < 1 or len(tensor.data) != size:
        raise DamagedError(f"{name} has {len(tensor.data)} bytes for shape {tensor.shape}")
    return np.frombuffer(tensor.data, "<f4").astype(np.float32).reshape(tensor.shape)


def _weights(tensors: dict[str, OnnxTensor], description: dict[str, Any]) -> Weights:
    if any(name.endswith("_quantized") for name in tensors):
        raise ConversionError(
            "an 8-bit ONNX network is not exact enough for a conversion",
            "convert from the float32 one or from the original model",
        )
    layers: dict[str, FloatArray] = {}
    for layer in (1, 2, 3, 5, 6):
        for part, dimensions in (("weights", 2), ("bias", 1)):
            name = f"layer_{layer}/{part}"
            layers[name] = _array(tensors, name, dimensions)
    inputs, recurrent = (_array(tensors, f"lstm/{part}", 3) for part in ("inputs", "recurrent"))
    bias = _array(tensors, "lstm/bias", 2)
    size = recurrent.shape[2]
    if inputs.shape != recurrent.shape or recurrent.shape[:2] != (1, 4 * size):
        raise DamagedError("its LSTM has an unexpected shape")
    if bias.shape != (1, 8 * size):
        raise DamagedError("its LSTM's bias has an unexpected shape")
    layers["lstm/kernel"] = np.concatenate([_back(inputs[0].T), _back(recurrent[0].T)])
    joined = _back(bias[0, : 4 * size] + bias[0, 4 * size :])
    # The writer adds forget_bias to the gate's bias; Weights checks that it is a number.
    forget_bias = description.get("forget_bias", 0.0)
    if isinstance(forget_bias, (int, float)):
        joined[2 * size : 3 * size] -= np.float32(forget_bias)
    layers["lstm/bias"] = joined
    return Weights(layers, description)


def _back(columns: FloatArray) -> FloatArray:
    """Return columns (..., 4N) in TensorFlow's order of gates."""
    blocks = np.split(columns, 4, axis=-1)
    # Swapping the second and the last block is its own inverse.
    return np.concatenate([blocks[k] for k in TENSORFLOW_TO_ONNX], axis=-1)
