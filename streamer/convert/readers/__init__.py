"""Readers: from model files of all formats to `Weights`."""

from __future__ import annotations

from pathlib import Path

from streamer.acoustic.weights import Weights
from streamer.convert.readers.checkpoint import is_checkpoint, read_checkpoint
from streamer.convert.readers.graphdef import read_graphdef
from streamer.convert.readers.mapped_file import map_file
from streamer.convert.readers.onnx import read_onnx
from streamer.convert.readers.safetensors import read_safetensors
from streamer.convert.readers.tflite import MAGIC, read_tflite
from streamer.errors import ConversionError, ModelError

__all__ = ["read_network"]

_CORE_ML = (".mlmodel", ".mlpackage", ".mlmodelc")


def read_network(path: str | Path) -> Weights:
    """Read a network of any supported format.

    ``.pbmm``, ``.pb``, ``.tflite``, ``.safetensors``, ``.onnx`` (ours) and
    TensorFlow checkpoints, recognised by suffix or content.

    Args:
        path: the file, or a checkpoint's folder or prefix.

    Raises:
        ConversionError: it is missing, damaged, or of another kind.
    """
    path = Path(path)
    if path.suffix in _CORE_ML:
        raise ConversionError(
            f"{path} is a Core ML model, which cannot be converted further",
            "convert from the original model",
        )
    if is_checkpoint(path):
        return read_checkpoint(path)
    start = bytes(map_file(path)[:16])
    if path.suffix == ".tflite" or start[4:8] == MAGIC:
        return read_tflite(path)
    if path.suffix == ".safetensors" or start[8:9] == b"{":
        return _read_safetensors(path)
    if path.suffix == ".onnx":
        return read_onnx(path)
    return read_graphdef(path)


def _read_safetensors(path: Path) -> Weights:
    try:
        return read_safetensors(path)
    except ModelError as error:
        raise ConversionError(error.what, error.todo) from error
