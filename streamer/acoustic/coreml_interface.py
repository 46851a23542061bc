"""Inputs, outputs and states of a Core ML model, read from its description."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streamer.untrusted.regular_files import read_regular

#: A description of a few inputs and outputs has some kilobytes.
_MAX_METADATA_BYTES = 1 << 20


@dataclass(frozen=True)
class TensorSpec:
    """One input, output or state of a Core ML model.

    Attributes:
        shape: its shape, or the default shape if it is flexible; may be empty
            for outputs of neural networks, whose description has none.
        integer: whether its type is int32.
        flexible: whether the shape may vary.
    """

    shape: tuple[int, ...]
    integer: bool = False
    flexible: bool = False


@dataclass(frozen=True)
class Interface:
    """Inputs, outputs and states of a Core ML model, by name."""

    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    states: Mapping[str, TensorSpec] = field(default_factory=dict)


def ports_of_function(spec: Any, function: str = "") -> tuple[str, Any]:
    """Choose the function of a package of several whose inputs and outputs count.

    Args:
        spec: the protobuf message ``Model``.
        function: its name; the package's default one if empty.

    Returns:
        The function's name and its description: ``input``, ``output`` and ``state``. Of a model
        that is not such a package, ``main`` and the description of the model.

    Raises:
        ValueError: there is no such function.
    """
    names = function_names(spec)
    if not names:
        return "main", spec.description
    name = function or spec.description.defaultFunctionName
    if name not in names:
        raise ValueError(f"it has no function {name or 'by default'}")
    return name, spec.description.functions[names.index(name)]


def function_names(spec: Any) -> tuple[str, ...]:
    """Return the functions of a package of several; empty for other models."""
    return tuple(each.name for each in getattr(spec.description, "functions", ()))


def interface_of_spec(spec: Any, function: str = "") -> Interface:
    """Read the interface from a model's protobuf description.

    Args:
        spec: the result of ``coremltools.utils.load_spec``.
        function: the function, of a package of several; its default one if empty.

    Raises:
        ValueError: an input is not an array, or there is no such function.
    """
    _, ports = ports_of_function(spec, function)
    tensors = {
        part: {feature.name: _tensor_spec(feature) for feature in getattr(ports, part)}
        for part in ("input", "output", "state")
        if hasattr(ports, part)
    }
    return Interface(tensors["input"], tensors["output"], tensors.get("state", {}))


def interface_of_compiled(path: Path) -> Interface:
    """Read the interface from the ``metadata.json`` of a ``.mlmodelc``, which Xcode writes.

    Raises:
        ValueError: there is no such file in it.
    """
    metadata = path / "metadata.json"
    if not metadata.is_file():
        raise ValueError("there is no metadata.json in it; use the .mlpackage")
    contents = json.loads(read_regular(metadata, _MAX_METADATA_BYTES).decode("utf-8"))[0]

    def tensors(key: str) -> dict[str, TensorSpec]:
        return {
            entry["name"]: TensorSpec(
                tuple(json.loads(entry.get("shape") or "[]")),
                entry.get("dataType") == "Int32",
                entry.get("hasShapeFlexibility") == "1",
            )
            for entry in contents.get(key, ())
        }

    return Interface(tensors("inputSchema"), tensors("outputSchema"), tensors("stateSchema"))


def _tensor_spec(feature: Any) -> TensorSpec:
    kind = feature.type.WhichOneof("Type")
    if kind == "stateType":
        array = feature.type.stateType.arrayType
    elif kind == "multiArrayType":
        array = feature.type.multiArrayType
    else:
        raise ValueError(f"{feature.name} is a {kind}, not an array")
    enumeration = array.DESCRIPTOR.enum_types_by_name["ArrayDataType"]
    integer = array.dataType == enumeration.values_by_name["INT32"].number
    flexibility = array.WhichOneof("ShapeFlexibility")
    return TensorSpec(tuple(array.shape), integer, flexibility is not None)
