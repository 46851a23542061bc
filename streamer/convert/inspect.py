"""What is in a model's file: inputs, outputs, operations and metadata, of every kind."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

from streamer.errors import ConversionError

#: Metadata longer than this is cut: an alphabet or a description fits.
_MAX_VALUE = 200

_NUMPY_NAMES = {1: "float32", 3: "int32", 4: "uint8", 6: "int8", 7: "string", 9: "int64"}
_TENSORFLOW_TYPES = {**_NUMPY_NAMES, 10: "bool", 19: "float16"}


@dataclass(frozen=True)
class Port:
    """An input, output or state.

    Attributes:
        name: its name.
        dtype: type of its elements, empty where the file does not say.
        shape: sizes of its axes as text, such as ``1, 16, 19, 26`` or ``1, 1..3000, 19, 26``.
    """

    name: str
    dtype: str
    shape: str


@dataclass(frozen=True)
class Inspection:
    """What `inspect_model` found.

    Attributes:
        path: the file.
        kind: what it is.
        size_bytes: how much room it takes.
        inputs: what goes in.
        outputs: what comes out.
        states: what stays inside.
        operations: how many there are of each kind; constants are left out.
        metadata: what the file says about itself.
    """

    path: Path
    kind: str
    size_bytes: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    states: tuple[Port, ...] = ()
    operations: Mapping[str, int] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


def inspect_model(path: str | Path) -> Inspection:
    """Read what a model's file says about it.

    Args:
        path: a ``.pb``, ``.pbmm``, ``.tflite``, ``.onnx``, ``.mlmodel`` or ``.mlpackage``.

    Raises:
        ConversionError: it is missing, damaged or of another kind.
    """
    path = Path(path)
    readers: dict[str, Callable[[Path], Inspection]] = {
        ".pb": _tensorflow,
        ".pbmm": _tensorflow,
        ".tflite": _tensorflow_lite,
        ".onnx": _onnx,
        ".mlmodel": _core_ml,
        ".mlpackage": _core_ml,
    }
    if path.suffix not in readers:
        raise ConversionError(
            f"{path} is of a kind that cannot be inspected", f"give one of {', '.join(readers)}"
        )
    if not path.exists():
        raise ConversionError(f"no such file: {path}", "check the path")
    return readers[path.suffix](path)


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def _shape(sizes: Sequence[Any]) -> str:
    def axis(size: Any) -> str:
        if isinstance(size, tuple):
            return f"{size[0]}..{'' if size[1] < 0 else size[1]}"
        return "?" if isinstance(size, int) and size < 0 else str(size)

    return ", ".join(axis(size) for size in sizes)


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _MAX_VALUE else text[:_MAX_VALUE] + " ..."


def _tensorflow(path: Path) -> Inspection:
    from streamer.convert.readers.graph import read_graph
    from streamer.convert.readers.mapped_file import DamagedError, damaged_file_error

    graph = read_graph(path)
    read = {source.split(":")[0].lstrip("^") for n in graph.nodes.values() for source in n.inputs}
    constants = ("Const", "ImmutableConst")
    about: dict[str, str] = {}
    try:

        def port(node: Any) -> Port:
            kind = graph.number(node, "dtype") or graph.number(node, "T") or 0
            dtype = _TENSORFLOW_TYPES.get(int(kind), "")
            shape = graph.shape(node) if node.op == "Placeholder" else None
            return Port(node.name, dtype, "" if shape is None else _shape(shape))

        inputs = [port(node) for node in graph.of_kind("Placeholder")]
        # Metadata are outputs that nothing computes.
        outputs = []
        for node in graph.nodes.values():
            if node.name in read or node.op == "Placeholder":
                continue
            if node.op not in constants:
                outputs.append(port(node))
            elif node.name.startswith("metadata_"):
                values = graph.constant(node).ravel().tolist()
                key = node.name[len("metadata_") :]
                about[key] = _metadata_value(key, values)
    except DamagedError as error:
        raise damaged_file_error(path, "a TensorFlow graph", error) from error
    counts = Counter(node.op for node in graph.nodes.values() if node.op not in constants)
    kind = "TensorFlow graph, memory-mapped" if graph.regions else "TensorFlow graph"
    return Inspection(
        path, kind, _size(path), tuple(inputs), tuple(outputs), (), dict(counts), about
    )


def _metadata_value(key: str, values: Sequence[Any]) -> str:
    from streamer.convert.readers.mapped_file import DamagedError
    from streamer.convert.readers.metadata import read_alphabet

    first = values[0] if len(values) == 1 else list(values)
    if key == "alphabet" and isinstance(first, bytes):
        try:
            return "".join(read_alphabet(first))
        except DamagedError:
            return repr(first)[:_MAX_VALUE]
    return _short(first.decode("utf-8", "replace") if isinstance(first, bytes) else first)


def _tensorflow_lite(path: Path) -> Inspection:
    import numpy as np

    from streamer.convert.readers.tflite import read_lite_graph, read_tflite, tensor_dtype

    graph = read_lite_graph(path)

    def port(tensor: Any) -> Port:
        dtype = tensor_dtype(tensor)
        name = "string" if dtype is None else np.dtype(dtype).name
        return Port(tensor.name, name, _shape(tensor.shape))

    def ports(numbers: Sequence[int]) -> tuple[Port, ...]:
        tensors = [graph.tensors[n] for n in numbers if 0 <= n < len(graph.tensors)]
        return tuple(port(t) for t in tensors if not t.name.startswith("metadata_"))

    counts = Counter(operation.op for operation in graph.operations)
    try:
        about = {key: _short(value) for key, value in read_tflite(path).description.items()}
    except ConversionError:
        about = {}  # another network than DeepSpeech's: it has no description
    return Inspection(
        path,
        "TensorFlow Lite",
        _size(path),
        ports(graph.inputs),
        ports(graph.outputs),
        (),
        dict(counts),
        about,
    )


def _onnx(path: Path) -> Inspection:
    from streamer.convert.imports import import_onnx

    onnx = import_onnx()
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # DecodeError of whichever protobuf onnx brings, and OSError
        raise ConversionError(f"{path} is not an ONNX model", "convert it again") from error
    weights = {tensor.name for tensor in model.graph.initializer}

    def port(value: Any) -> Port:
        tensor = value.type.tensor_type
        dims = [d.dim_param or int(d.dim_value) for d in tensor.shape.dim]
        dtype = _onnx_name(onnx, tensor.elem_type)
        return Port(value.name, dtype, _shape(dims))

    if not model.graph.node:
        raise ConversionError(f"{path} is not an ONNX model", "convert it again")
    about = {entry.key: _short(entry.value) for entry in model.metadata_props}
    about["opset"] = ", ".join(str(o.version) for o in model.opset_import)
    return Inspection(
        path,
        "ONNX",
        _size(path),
        tuple(port(value) for value in model.graph.input if value.name not in weights),
        tuple(port(value) for value in model.graph.output),
        (),
        dict(Counter(node.op_type for node in model.graph.node)),
        about,
    )


def _onnx_name(onnx: Any, number: int) -> str:
    try:
        name = str(onnx.TensorProto.DataType.Name(number)).lower()
    except ValueError:
        return ""
    return {"float": "float32", "double": "float64"}.get(name, name)


def _core_ml(path: Path) -> Inspection:
    from streamer.convert.check.stored_precision import (
        layers,
        program_operations,
        stored_precision,
    )
    from streamer.convert.coreml.model_file import Feature, open_model

    model = open_model(path)

    def ports(features: Sequence[Feature]) -> tuple[Port, ...]:
        return tuple(Port(f.name, f.dtype, _shape(f.shape)) for f in features)

    if model.kind == "mlprogram":
        kinds = [operation.type for operation in program_operations(model.spec)]
    else:
        kinds = [str(layer.WhichOneof("layer")) for layer in layers(model.spec.neuralNetwork)]
    counts = Counter(kind for kind in kinds if kind != "const")
    about = {key: _short(value) for key, value in model.metadata.items()}
    about["precision"] = stored_precision(model)
    about["specification"] = str(model.spec.specificationVersion)
    return Inspection(
        path,
        {"mlprogram": "Core ML program", "neuralnetwork": "Core ML neural network"}[model.kind],
        _size(path),
        ports(model.inputs),
        ports(model.outputs),
        ports(model.states),
        dict(counts),
        about,
    )


def compute_plan(path: str | Path, compute_units: str) -> str | None:
    """Say which operations Core ML runs on which device; None where this is no Mac.

    Args:
        path: a ``.mlmodel`` or ``.mlpackage``.
        compute_units: ``CPU_ONLY``, ``CPU_AND_GPU``, ``CPU_AND_NE`` or ``ALL``.
    """
    if sys.platform != "darwin":
        return None
    import tempfile

    from streamer.convert.coreml.compute_plan import planned_devices
    from streamer.convert.imports import import_coremltools

    with tempfile.TemporaryDirectory() as folder:
        try:
            compiled = import_coremltools().models.utils.compile_model(
                str(path), str(Path(folder) / "model.mlmodelc")
            )
        except Exception as error:  # coremltools raises plain exceptions
            raise ConversionError(
                f"Core ML cannot compile {path}: {_short(error)}", "convert it again"
            ) from error
        return planned_devices(Path(compiled), compute_units)


def rows(inspection: Inspection) -> list[tuple[str, str, str]]:
    """Return an inspection as lines: a heading, a key and a value each."""
    lines = [
        ("file", "kind", inspection.kind),
        ("file", "size", f"{inspection.size_bytes:,} bytes"),
    ]
    for heading, ports in (
        ("inputs", inspection.inputs),
        ("outputs", inspection.outputs),
        ("states", inspection.states),
    ):
        for port in ports:
            # Files that do not know a shape leave it open; nothing is made up here.
            shape = f" ({port.shape})" if port.shape else ""
            lines.append((heading, port.name, f"{port.dtype}{shape}".strip() or "not said"))
    ranked = sorted(inspection.operations.items(), key=lambda item: (-item[1], item[0]))
    lines.append(("operations", "in all", str(sum(inspection.operations.values()))))
    lines.extend(("operations", name, str(count)) for name, count in ranked)
    lines.extend(("metadata", key, value) for key, value in sorted(inspection.metadata.items()))
    return lines
