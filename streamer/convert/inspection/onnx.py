"""Inspects ONNX models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from streamer.convert.inspection.inspection import (
    Inspection,
    TensorInfo,
    shape_text,
    short_text,
    size_bytes,
)
from streamer.convert.readers.mapped_file import map_file
from streamer.errors import ConversionError
from streamer.untrusted.damage import DamagedError
from streamer.untrusted.onnx_file import OnnxValue, read_onnx_file

#: ONNX's numbers of data types.
_TYPES: Mapping[int, str] = MappingProxyType(
    {
        1: "float32",
        2: "uint8",
        3: "int8",
        4: "uint16",
        5: "int16",
        6: "int32",
        7: "int64",
        8: "string",
        9: "bool",
        10: "float16",
        11: "float64",
        12: "uint32",
        13: "uint64",
        16: "bfloat16",
    }
)


def inspect_onnx(path: Path) -> Inspection:
    """Inspect an ``.onnx``; see `inspect_model`."""
    try:
        file = read_onnx_file(map_file(path))
        if not file.nodes:
            raise DamagedError("it has no operations")
    except DamagedError as error:
        what = f"{path} is not an ONNX model: {error}"
        raise ConversionError(what, "convert it again") from error

    def info(value: OnnxValue) -> TensorInfo:
        return TensorInfo(value.name, _TYPES.get(value.kind, ""), shape_text(value.shape))

    about = {key: short_text(value) for key, value in file.metadata.items()}
    about["opset"] = ", ".join(str(version) for version in file.opsets.values())
    return Inspection(
        path,
        "ONNX",
        size_bytes(path),
        tuple(info(value) for value in file.inputs if value.name not in file.constants),
        tuple(info(value) for value in file.outputs),
        (),
        dict(Counter(node.op for node in file.nodes)),
        about,
    )
