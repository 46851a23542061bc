"""Writes weights as safetensors files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from streamer.acoustic.weights import LAYER_NAMES, Weights
from streamer.convert.readers.safetensors import METADATA_KEY
from streamer.errors import ConversionError


def write_safetensors(weights: Weights, path: str | Path) -> None:
    """Write weights as a safetensors file, with the description in its metadata.

    Args:
        weights: the network.
        path: the file; replaced if it exists.

    Raises:
        ConversionError: the file cannot be written.
    """
    from safetensors.numpy import save_file

    arrays = {name: np.ascontiguousarray(weights.layers[name]) for name in LAYER_NAMES}
    metadata = {METADATA_KEY: json.dumps(dict(weights.description), ensure_ascii=False)}
    try:
        save_file(arrays, str(path), metadata=metadata)
    except OSError as error:
        raise ConversionError(f"cannot write {path}: {error}", "choose another path") from error
