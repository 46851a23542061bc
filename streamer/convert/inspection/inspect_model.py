"""Inspects a model's file of any format, by its suffix."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Callable

from streamer.convert.inspection.coreml import inspect_coreml
from streamer.convert.inspection.inspection import Inspection
from streamer.convert.inspection.onnx import inspect_onnx
from streamer.convert.inspection.tensorflow import inspect_graph
from streamer.convert.inspection.tflite import inspect_lite
from streamer.errors import ConversionError

_INSPECTORS: Mapping[str, Callable[[Path], Inspection]] = MappingProxyType(
    {
        ".pb": inspect_graph,
        ".pbmm": inspect_graph,
        ".tflite": inspect_lite,
        ".onnx": inspect_onnx,
        ".mlmodel": inspect_coreml,
        ".mlpackage": inspect_coreml,
    }
)


def inspect_model(path: str | Path) -> Inspection:
    """Read the inputs, outputs, operations and metadata of a model's file.

    Args:
        path: a ``.pb``, ``.pbmm``, ``.tflite``, ``.onnx``, ``.mlmodel`` or ``.mlpackage``.

    Raises:
        ConversionError: it is missing, damaged or of another kind.
    """
    path = Path(path)
    if path.suffix not in _INSPECTORS:
        raise ConversionError(
            f"{path} has no suffix that can be inspected",
            f"give a file that ends in one of {', '.join(_INSPECTORS)}",
        )
    if not path.exists():
        raise ConversionError(f"no such file: {path}", "check the path")
    return _INSPECTORS[path.suffix](path)
