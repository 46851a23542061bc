"""Weights as a safetensors file: the plainest form, and what the NumPy backend loads."""

from __future__ import annotations

from pathlib import Path
from typing import Union

from streamer.acoustic.weights import Weights, save_safetensors
from streamer.errors import ConversionError, ModelError


def write_safetensors(weights: Weights, path: Union[str, Path]) -> None:
    """Write weights as ``.safetensors``, the description in the metadata.

    Args:
        weights: the network.
        path: where to; replaced if it exists.

    Raises:
        ConversionError: the file cannot be written.
    """
    try:
        save_safetensors(weights, path)
    except ModelError as error:
        raise ConversionError(error.what, error.todo) from error
