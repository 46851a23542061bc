"""The weights back out of the ONNX files that `streamer.convert.writers.onnx` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

import numpy as np

from streamer.acoustic.weights import FloatArray, Weights
from streamer.convert.readers.files import DamagedError, damaged, map_file
from streamer.convert.writers.onnx import (
    DESCRIPTION_KEY,
    TENSORFLOW_TO_ONNX,
    import_onnx,
)
from streamer.errors import ConversionError, ModelError

#: More than the largest network of the family, twice over; ONNX itself ends at 2 GB.
MAX_BYTES = 1 << 30


def read_onnx(path: Path) -> Weights:
    """Read the weights of a float32 ``.onnx`` file that streamer has written.

    Args:
        path: the file.

    Raises:
        ConversionError: it is missing or damaged, comes from elsewhere, is
            quantised, or the package ``onnx`` is not installed.
    """
    onnx = import_onnx()
    data = map_file(path)
    if len(data) > MAX_BYTES:
        raise damaged(path, "an ONNX network of streamer", f"it has {len(data)} bytes")
    try:
        # From bytes, not from a path: a hostile file could name others to be loaded with it.
        model = onnx.load_model_from_string(bytes(data))
    except Exception as error:  # protobuf's DecodeError, which its versions keep in other places
        raise damaged(path, "an ONNX network", "it cannot be decoded") from error
    try:
        return _weights(onnx, model)
    except (DamagedError, ModelError, ValueError, TypeError) as error:
        reason = error.what if isinstance(error, ModelError) else error
        raise damaged(path, "an ONNX network of streamer", reason) from error


def _weights(onnx: Any, model: Any) -> Weights:
    found = {entry.name: entry for entry in model.graph.initializer}
    if any(name.endswith("_quantized") for name in found):
        raise ConversionError(
            "an 8-bit ONNX network has lost what other forms need",
            "convert from the float32 one or from the original model",
        )

    def array(name: str) -> FloatArray:
        if name not in found:
            raise DamagedError(f"there is no {name}")
        entry = found[name]
        if entry.external_data or entry.data_type != onnx.TensorProto.FLOAT:
            raise DamagedError(f"{name} is not float32 or lies in another file")
        count = 1
        for size in entry.dims:
            count *= size
        if count < 0 or (len(entry.raw_data) or 4 * len(entry.float_data)) != 4 * count:
            raise DamagedError(f"{name} does not have the values of its shape")
        return np.array(onnx.numpy_helper.to_array(entry), np.float32)

    description = _description(model)
    layers: Dict[str, FloatArray] = {}
    for layer in (1, 2, 3, 5, 6):
        for part in ("weights", "bias"):
            layers[f"layer_{layer}/{part}"] = array(f"layer_{layer}/{part}")
    inputs, recurrent, bias = (array(f"lstm/{part}") for part in ("inputs", "recurrent", "bias"))
    if inputs.ndim != 3 or recurrent.ndim != 3 or bias.ndim != 2:
        raise DamagedError("its LSTM has another form")
    layers["lstm/kernel"] = np.concatenate([_back(inputs[0].T), _back(recurrent[0].T)])
    half = bias.shape[1] // 2
    joined = _back(bias[0, :half] + bias[0, half:])
    # The writer adds the forget bias to the gate's own; take it out again.
    size = half // 4
    joined[2 * size : 3 * size] -= np.float32(description.get("forget_bias", 0.0))
    layers["lstm/bias"] = joined
    return Weights(layers, description)


def _description(model: Any) -> Dict[str, Any]:
    for entry in model.metadata_props:
        if entry.key == DESCRIPTION_KEY:
            description = json.loads(entry.value)
            if isinstance(description, dict):
                return description
    raise DamagedError("streamer has not written it")


def _back(columns: FloatArray) -> FloatArray:
    """Return ONNX's columns (..., 4N) in TensorFlow's order of gates."""
    blocks = np.split(columns, 4, axis=-1)
    # The exchange of the second and the last block is its own inverse.
    return np.concatenate([blocks[k] for k in TENSORFLOW_TO_ONNX], axis=-1)
