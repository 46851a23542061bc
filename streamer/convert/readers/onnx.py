"""Reads weights from ONNX files written by `streamer.convert.writers.onnx`.

The package ``onnx`` is not used: it decodes the whole file into objects, which
for a malicious file can be a hundred times its size. Field numbers are those of
onnx.proto.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from streamer.acoustic.weights import Weights
from streamer.arrays import FloatArray
from streamer.convert.readers.mapped_file import damaged_file_error, map_file
from streamer.errors import ConversionError, ModelError
from streamer.untrusted.damage import DamagedError, FieldLimit
from streamer.untrusted.protobuf import as_bytes, as_int, as_text, fields, varints

#: Key of the file's metadata with the weights' description as JSON.
DESCRIPTION_KEY = "streamer"
#: Order of the LSTM's gates: TensorFlow has i, j, f, o; ONNX has i, o, f, c (its name for j).
TENSORFLOW_TO_ONNX = (0, 3, 2, 1)
#: ONNX's data type number of float32.
_FLOAT = 1
#: A description takes a page or two.
_MAX_DESCRIPTION_BYTES = 1 << 20


@dataclass(frozen=True)
class _Tensor:
    """A constant of the graph; its values stay in the mapped file."""

    kind: int
    shape: tuple[int, ...]
    data: memoryview | None


def read_onnx(path: Path) -> Weights:
    """Read the weights of a float32 ``.onnx`` file written by streamer.

    Args:
        path: the file.

    Raises:
        ConversionError: it is missing or damaged, was not written by streamer,
            or is quantised.
    """
    try:
        return _weights(*_read_model(map_file(path), FieldLimit()))
    except (DamagedError, ModelError) as error:
        reason = error.what if isinstance(error, ModelError) else error
        raise damaged_file_error(path, "an ONNX network written by streamer", reason) from error


def _read_model(data: memoryview, limit: FieldLimit) -> tuple[dict[str, _Tensor], dict[str, Any]]:
    tensors: dict[str, _Tensor] = {}
    description: dict[str, Any] | None = None
    for number, _, value in fields(data, limit):
        if number == 7:
            for inner, _, inner_value in fields(as_bytes(value), limit):
                if inner == 5:
                    name, tensor = _read_tensor(as_bytes(inner_value), limit)
                    tensors[name] = tensor
        elif number == 14:
            entry = {n: v for n, _, v in fields(as_bytes(value), limit)}
            if 1 in entry and 2 in entry and as_text(entry[1]) == DESCRIPTION_KEY:
                description = _read_description(as_bytes(entry[2]))
    if description is None:
        raise DamagedError("it was not written by streamer")
    return tensors, description


def _read_tensor(data: memoryview, limit: FieldLimit) -> tuple[str, _Tensor]:
    name, kind = "", 0
    shape: tuple[int, ...] = ()
    content: memoryview | None = None
    for number, wire_type, value in fields(data, limit):
        if number == 1:
            shape += tuple(varints(value, wire_type, limit))
            if len(shape) > 8:
                raise DamagedError("a tensor has an impossible shape")
        elif number == 2:
            kind = as_int(value)
        elif number == 8:
            name = as_text(value)
        elif number == 9:
            content = as_bytes(value)
    return name, _Tensor(kind, shape, content)


def _read_description(data: memoryview) -> dict[str, Any]:
    if len(data) > _MAX_DESCRIPTION_BYTES:
        raise DamagedError("its description is too long")
    try:
        description = json.loads(bytes(data).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DamagedError("its description cannot be decoded") from error
    if not isinstance(description, dict):
        raise DamagedError("its description is not a JSON object")
    return description


def _array(tensors: dict[str, _Tensor], name: str, dimensions: int) -> FloatArray:
    tensor = tensors.get(name)
    if tensor is None:
        raise DamagedError(f"{name} is missing")
    if tensor.kind != _FLOAT or tensor.data is None:
        raise DamagedError(f"{name} is not float32, or is in another file")
    count = 1
    for size in tensor.shape:
        count *= size
    if len(tensor.shape) != dimensions or min(tensor.shape) < 1 or len(tensor.data) != 4 * count:
        raise DamagedError(f"{name} has {len(tensor.data)} bytes for shape {tensor.shape}")
    return np.frombuffer(tensor.data, "<f4").astype(np.float32).reshape(tensor.shape)


def _weights(tensors: dict[str, _Tensor], description: dict[str, Any]) -> Weights:
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
