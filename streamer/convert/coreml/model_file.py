"""Opens Core ML models of both formats without Core ML, on any system."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamer.acoustic.coreml_interface import function_names, ports_of_function
from streamer.convert.imports import coremltools_silenced, import_coremltools
from streamer.errors import ConversionError
from streamer.untrusted.regular_files import map_regular, read_regular

#: Limit of protobuf. A specification has the structure and, in the older format, the weights.
_MAX_SPECIFICATION_BYTES = 1 << 31
_MAX_MANIFEST_BYTES = 1 << 20

_ARRAY_TYPES = {65552: "float16", 65568: "float32", 65600: "float64", 131104: "int32"}


@dataclass(frozen=True)
class Feature:
    """An input, output or state of a model.

    Attributes:
        name: its name.
        dtype: ``float32``, ``int32`` and so on, or the type of a feature that is no array.
        shape: a size for each axis, or (least, most) for a flexible one; empty if
            the file does not state it.
    """

    name: str
    dtype: str
    shape: tuple[int | tuple[int, int], ...]


@dataclass(frozen=True)
class ModelFile:
    """A Core ML model on disk.

    Attributes:
        path: the file or package.
        kind: ``mlprogram`` or ``neuralnetwork``.
        spec: the protobuf message ``Model``.
        root: the folder of an ML program's weight files.
        inputs: inputs of the model.
        outputs: outputs of the model.
        states: states that the model keeps.
        metadata: author, licence, version and user-defined entries.
        function: the function of an ML program that inputs, outputs and states belong to.
        functions: all functions of a package of several; empty for others.
    """

    path: Path
    kind: str
    spec: Any
    root: Path
    inputs: tuple[Feature, ...]
    outputs: tuple[Feature, ...]
    states: tuple[Feature, ...]
    metadata: dict[str, str]
    function: str = "main"
    functions: tuple[str, ...] = ()


def invalid_model_error(path: str | Path, why: str) -> ConversionError:
    """Return the error for a file that is not a usable Core ML model."""
    return ConversionError(f"{path} is not a usable Core ML model: {why}", "convert it again")


def open_model(path: str | Path, function: str = "") -> ModelFile:
    """Read a ``.mlpackage`` or ``.mlmodel``.

    Args:
        path: the model.
        function: the function to describe, of a package of several; its default one if empty.

    Raises:
        ConversionError: it is missing, damaged, or neither an ML program nor a neural
            network.
    """
    path = Path(path)
    if not path.exists():
        raise ConversionError(f"no such model: {path}", "check the path")
    file = _model_in_package(path) if path.is_dir() else path
    import_coremltools()
    with coremltools_silenced():
        from coremltools.proto import Model_pb2
    from google.protobuf.message import DecodeError

    spec = Model_pb2.Model()
    try:
        if file.stat().st_size >= _MAX_SPECIFICATION_BYTES:
            raise invalid_model_error(path, "its specification is larger than protobuf allows")
        spec.ParseFromString(read_regular(file, _MAX_SPECIFICATION_BYTES))
    except OSError as error:
        raise invalid_model_error(path, str(error.strerror or error)) from error
    except (DecodeError, RecursionError, ValueError) as error:
        raise invalid_model_error(path, "its specification cannot be parsed") from error
    kinds = {"mlProgram": "mlprogram", "neuralNetwork": "neuralnetwork"}
    kind = spec.WhichOneof("Type")
    if kind not in kinds:
        raise invalid_model_error(
            path, f"it holds {kind or 'nothing'}, not an ML program or a neural network"
        )
    description = spec.description
    about = {
        "author": description.metadata.author,
        "licence": description.metadata.license,
        "version": description.metadata.versionString,
        "description": description.metadata.shortDescription,
        **dict(description.metadata.userDefined),
    }
    try:
        function, ports = ports_of_function(spec, function)
    except ValueError as error:
        raise invalid_model_error(path, str(error)) from error
    return ModelFile(
        path=path,
        kind=kinds[kind],
        spec=spec,
        root=file.parent,
        inputs=tuple(_feature(f) for f in ports.input),
        outputs=tuple(_feature(f) for f in ports.output),
        states=tuple(_feature(f) for f in ports.state),
        metadata={key: value for key, value in about.items() if value},
        function=function,
        functions=function_names(spec),
    )


def inside(root: Path, relative: str) -> Path:
    """Return ``root / relative``, which must stay inside ``root``.

    Raises:
        ConversionError: it is outside, or missing.
    """
    found = (root / relative).resolve()
    if root.resolve() not in found.parents:
        raise invalid_model_error(root, f"{relative} is outside the package")
    if not found.exists():
        raise invalid_model_error(root, f"{relative} is missing")
    return found


def _model_in_package(path: Path) -> Path:
    try:
        manifest = read_regular(inside(path, "Manifest.json"), _MAX_MANIFEST_BYTES)
        entries = json.loads(manifest.decode("utf-8"))
        item = entries["itemInfoEntries"][entries["rootModelIdentifier"]]["path"]
    except OSError as error:
        raise invalid_model_error(path, "its manifest cannot be read") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise invalid_model_error(path, "its manifest cannot be read") from error
    if not isinstance(item, str):
        raise invalid_model_error(path, "its manifest cannot be read")
    file = inside(path / "Data", item)
    if not file.is_file():
        raise invalid_model_error(path, f"{item} is missing")
    return file


def _feature(feature: Any) -> Feature:
    kind = feature.type.WhichOneof("Type")
    array = None
    if kind == "multiArrayType":
        array = feature.type.multiArrayType
    elif kind == "stateType":
        array = feature.type.stateType.arrayType
    if array is None:
        return Feature(feature.name, str(kind), ())
    shape: list[int | tuple[int, int]] = [int(n) for n in array.shape]
    flexible = array.WhichOneof("ShapeFlexibility")
    if flexible == "shapeRange":
        bounds = [(int(r.lowerBound), int(r.upperBound)) for r in array.shapeRange.sizeRanges]
        shape = [low if low == high else (low, high) for low, high in bounds]
    elif flexible == "enumeratedShapes":
        shapes = [tuple(s.shape) for s in array.enumeratedShapes.shapes]
        columns = [(int(min(c)), int(max(c))) for c in zip(*shapes)]
        shape = [low if low == high else (low, high) for low, high in columns]
    dtype = _ARRAY_TYPES.get(array.dataType, str(array.dataType))
    return Feature(feature.name, dtype, tuple(shape))


class BlobFile:
    """A ``weight.bin``: arrays at offsets, each with a header of 64 bytes.

    Args:
        path: the file, which is mapped into memory.
    """

    _SENTINEL = 0xDEADBEEF
    _HEADER_BYTES = 64

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._map = map_regular(path)
        except (OSError, ValueError) as error:
            raise invalid_model_error(path, "the weights cannot be read") from error

    def read(self, offset: int, bits: int | None, count: int) -> bytes:
        """Return ``count`` packed values of ``bits`` bits each.

        Raises:
            ConversionError: the header is damaged, or the size differs.
        """
        header = self._map[offset : offset + self._HEADER_BYTES]
        if len(header) < self._HEADER_BYTES:
            raise invalid_model_error(self.path, "an offset is beyond its end")
        number = int.from_bytes
        size, start = number(header[8:16], "little"), number(header[16:24], "little")
        if number(header[:4], "little") != self._SENTINEL:
            raise invalid_model_error(self.path, "there is no array at an offset")
        if size != (count * (bits or 8) + 7) // 8 or start + size > len(self._map):
            raise invalid_model_error(self.path, "the size of an array differs from the program")
        return bytes(self._map[start : start + size])
