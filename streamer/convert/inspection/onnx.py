"""Inspects ONNX models."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from streamer.convert.imports import import_onnx
from streamer.convert.inspection.inspection import (
    Inspection,
    TensorInfo,
    shape_text,
    short_text,
    size_bytes,
)
from streamer.errors import ConversionError


def inspect_onnx(path: Path) -> Inspection:
    """Inspect an ``.onnx``; see `inspect_model`."""
    onnx = import_onnx()
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # DecodeError of whichever protobuf onnx brings, and OSError
        raise ConversionError(f"{path} is not an ONNX model", "convert it again") from error
    weights = {tensor.name for tensor in model.graph.initializer}

    def info(value: Any) -> TensorInfo:
        tensor = value.type.tensor_type
        dims = [d.dim_param or int(d.dim_value) for d in tensor.shape.dim]
        dtype = _type_name(onnx, tensor.elem_type)
        return TensorInfo(value.name, dtype, shape_text(dims))

    if not model.graph.node:
        raise ConversionError(f"{path} is not an ONNX model", "convert it again")
    about = {entry.key: short_text(entry.value) for entry in model.metadata_props}
    about["opset"] = ", ".join(str(o.version) for o in model.opset_import)
    return Inspection(
        path,
        "ONNX",
        size_bytes(path),
        tuple(info(value) for value in model.graph.input if value.name not in weights),
        tuple(info(value) for value in model.graph.output),
        (),
        dict(Counter(node.op_type for node in model.graph.node)),
        about,
    )


def _type_name(onnx: Any, number: int) -> str:
    try:
        name = str(onnx.TensorProto.DataType.Name(number)).lower()
    except ValueError:
        return ""
    return {"float": "float32", "double": "float64"}.get(name, name)
