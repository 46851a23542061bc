"""Reads weights from safetensors files."""

from __future__ import annotations

import json
from pathlib import Path

from streamer.acoustic.weights import LAYER_NAMES, Weights
from streamer.errors import ModelError
from streamer.untrusted.regular_files import open_regular

#: Key of the file's metadata with the description as JSON.
METADATA_KEY = "streamer"


def read_safetensors(path: str | Path) -> Weights:
    """Read a file written by `write_safetensors`.

    The file is mapped; each array is copied once.

    Args:
        path: the file.

    Raises:
        ModelError: the file is missing, damaged, or has other contents.
    """
    from safetensors import SafetensorError, safe_open

    try:
        open_regular(path).close()
        with safe_open(str(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            description = json.loads(metadata.get(METADATA_KEY, "{}"))
            if not isinstance(description, dict):
                raise ValueError("its description is not a JSON object")
            names = list(file.keys())
            unknown = sorted(set(names) - set(LAYER_NAMES))
            if unknown:
                raise ValueError(f"{unknown[0]} is not a layer of a DeepSpeech network")
            layers = {name: file.get_tensor(name) for name in names}
    except (
        SafetensorError, OSError, ValueError, TypeError, AttributeError, RecursionError,
    ) as error:  # fmt: skip
        raise ModelError(
            f"{path} is not a safetensors file of weights: {error}", "convert the model again"
        ) from error
    return Weights(layers, description)
