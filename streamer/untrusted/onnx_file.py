"""Reads the structure of an ONNX file: operations, inputs, outputs, sizes of constants.

The package ``onnx`` is not used: it decodes the whole file into objects, which for a malicious
file can be a hundred times its size. Field numbers are those of onnx.proto.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from streamer.untrusted.damage import DamagedError, FieldLimit
from streamer.untrusted.protobuf import as_bytes, as_int, as_text, fields, varints

#: Axes of a tensor.
_MAX_RANK = 16
#: Bytes of a list of these.
_MAX_SHAPE_BYTES = 8 * _MAX_RANK
#: Longest value of the metadata that is read, in bytes.
_LONGEST_TEXT = 1 << 20
#: Bytes of a constant that may be the target of a Reshape.
_MAX_SMALL_BYTES = 128
_INT64 = 7

#: Bytes per element of each data type; a number of bits under eight is stored in whole bytes.
_ITEM_BYTES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}


@dataclass(frozen=True)
class OnnxTensor:
    """A constant.

    Attributes:
        kind: ONNX's number of its data type.
        shape: its shape.
        location: the file with its values, relative to that of the network; None if they are
            in the same file.
        small: its values if it is a list of a few int64, otherwise None.
        data: a view of its values; None if they are in another file, or stored as numbers.
    """

    kind: int
    shape: tuple[int, ...]
    location: str | None = None
    small: tuple[int, ...] | None = None
    data: memoryview | None = None


@dataclass(frozen=True)
class OnnxValue:
    """An input, output or intermediate result that a file describes.

    Attributes:
        name: its name.
        kind: ONNX's number of its data type.
        shape: its axes; one of any length has a name, or -1.
        has_shape: whether the file says how many axes it has.
    """

    name: str
    kind: int
    shape: tuple[int | str, ...]
    has_shape: bool


@dataclass(frozen=True)
class OnnxNode:
    """An operation.

    Attributes:
        op: its type.
        domain: where its type is defined; empty for ONNX itself.
        inputs: names of its inputs, empty for an omitted one.
        outputs: names of its outputs.
        integers: attributes that are an integer.
        has_graph: whether it contains another graph, like Loop and If.
    """

    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    integers: dict[str, int]
    has_graph: bool


@dataclass
class OnnxFile:
    """The structure of a file.

    Attributes:
        nodes: its operations, in order.
        constants: by name.
        inputs: also constants that may be replaced.
        outputs: outputs of the graph.
        results: intermediate results whose types the file gives.
        metadata: entries of the file's metadata.
        opsets: versions by domain.
        has_functions: whether it defines operations of its own, or how to be trained.
        has_sparse: whether it has constants that are stored sparsely.
    """

    nodes: list[OnnxNode] = field(default_factory=list)
    constants: dict[str, OnnxTensor] = field(default_factory=dict)
    inputs: list[OnnxValue] = field(default_factory=list)
    outputs: list[OnnxValue] = field(default_factory=list)
    results: list[OnnxValue] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    opsets: dict[str, int] = field(default_factory=dict)
    has_functions: bool = False
    has_sparse: bool = False


def read_onnx_file(data: memoryview) -> OnnxFile:
    """Read the structure of a file.

    Args:
        data: the file, usually mapped; weights are not read.

    Raises:
        DamagedError: it is damaged, or not an ONNX file.
    """
    limit = FieldLimit()
    file = OnnxFile()
    for number, _, value in fields(data, limit):
        if number == 7:
            _read_graph(as_bytes(value), file, limit)
        elif number == 8:
            domain, version = "", 0
            for inner, _, inner_value in fields(as_bytes(value), limit):
                if inner == 1:
                    domain = as_text(inner_value)
                elif inner == 2:
                    version = as_int(inner_value)
            file.opsets[domain] = version
        elif number == 14:
            entry = {n: v for n, _, v in fields(as_bytes(value), limit)}
            if 1 in entry and 2 in entry:
                file.metadata[as_text(entry[1])] = as_text(entry[2], _LONGEST_TEXT)
        elif number in (20, 25):
            file.has_functions = True
    return file


def _read_graph(data: memoryview, file: OnnxFile, limit: FieldLimit) -> None:
    for number, _, value in fields(data, limit):
        if number == 1:
            file.nodes.append(_read_node(as_bytes(value), limit))
        elif number == 5:
            name, tensor = _read_tensor(as_bytes(value), limit)
            file.constants[name] = tensor
        elif number == 11:
            file.inputs.append(_read_value(as_bytes(value), limit))
        elif number == 12:
            file.outputs.append(_read_value(as_bytes(value), limit))
        elif number == 13:
            file.results.append(_read_value(as_bytes(value), limit))
        elif number == 15:
            file.has_sparse = True


def _read_node(data: memoryview, limit: FieldLimit) -> OnnxNode:
    op = domain = ""
    inputs: list[str] = []
    outputs: list[str] = []
    integers: dict[str, int] = {}
    has_graph = False
    for number, _, value in fields(data, limit):
        if number == 1:
            inputs.append(as_text(value))
        elif number == 2:
            outputs.append(as_text(value))
        elif number == 4:
            op = as_text(value)
        elif number == 7:
            domain = as_text(value)
        elif number == 5:
            name, integer = "", None
            for inner, _, inner_value in fields(as_bytes(value), limit):
                if inner == 1:
                    name = as_text(inner_value)
                elif inner == 3:
                    integer = as_int(inner_value)
                elif inner in (6, 11):
                    has_graph = True
            if integer is not None:
                integers[name] = integer
    return OnnxNode(op, domain, tuple(inputs), tuple(outputs), integers, has_graph)


def _read_tensor(data: memoryview, limit: FieldLimit) -> tuple[str, OnnxTensor]:
    name, kind, stored = "", 0, 0
    shape: list[int] = []
    raw: memoryview | None = None
    numbers: list[int] = []
    location: str | None = None
    is_external = False
    for number, wire_type, value in fields(data, limit):
        if number == 1:
            if _length(value) > _MAX_SHAPE_BYTES:
                raise DamagedError("a list of sizes is too long")
            shape += varints(value, wire_type, limit)
        elif number == 2:
            kind = as_int(value)
        elif number == 8:
            name = as_text(value)
        elif number == 9:
            raw = as_bytes(value)
        elif number == 7 and kind in (0, _INT64) and _length(value) <= _MAX_SMALL_BYTES:
            numbers += varints(value, wire_type, limit)
        elif number == 13:
            entry = {n: v for n, _, v in fields(as_bytes(value), limit)}
            if as_text(entry.get(1, memoryview(b""))) == "location":
                location = as_text(entry.get(2, memoryview(b"")))
        elif number == 14:
            is_external = as_int(value) == 1
        if number in (4, 5, 6, 7, 10, 11):
            stored += _length(value)
    if len(shape) > _MAX_RANK or min(shape, default=0) < 0:
        raise DamagedError(f"the constant {name} has an impossible shape")
    count = element_count(shape)
    if is_external or location is not None:
        return name, OnnxTensor(kind, tuple(shape), location or "")
    # Lists of numbers take a byte or more for each.
    size = count * _ITEM_BYTES.get(kind, 1)
    if (count > stored) if raw is None else (size != len(raw) and kind in _ITEM_BYTES):
        raise DamagedError(f"the constant {name} is not as large as its shape")
    small: tuple[int, ...] | None = tuple(numbers) if kind == _INT64 else None
    if kind == _INT64 and raw is not None:
        at = range(0, len(raw), 8) if len(raw) <= _MAX_SMALL_BYTES else ()
        small = tuple(int.from_bytes(raw[i : i + 8], "little", signed=True) for i in at)
    return name, OnnxTensor(kind, tuple(shape), None, small, raw)


def _read_value(data: memoryview, limit: FieldLimit) -> OnnxValue:
    name, kind = "", 0
    shape: list[int | str] = []
    has_shape = False
    for number, _, value in fields(data, limit):
        if number == 1:
            name = as_text(value)
        elif number == 2:
            for inner, _, tensor in fields(as_bytes(value), limit):
                if inner == 1:
                    for part, _, part_value in fields(as_bytes(tensor), limit):
                        if part == 1:
                            kind = as_int(part_value)
                        elif part == 2:
                            shape += _axes(as_bytes(part_value), limit)
                            has_shape = True
    if len(shape) > _MAX_RANK:
        raise DamagedError(f"{name} has an impossible shape")
    return OnnxValue(name, kind, tuple(shape), has_shape)


def _axes(data: memoryview, limit: FieldLimit) -> list[int | str]:
    axes: list[int | str] = []
    for number, _, value in fields(data, limit):
        if number == 1:
            axis: int | str = -1
            for inner, _, inner_value in fields(as_bytes(value), limit):
                if inner == 1:
                    axis = as_int(inner_value)
                elif inner == 2:
                    axis = as_text(inner_value)
            axes.append(axis)
    return axes


def _length(value: int | memoryview) -> int:
    return 1 if isinstance(value, int) else len(value)


def element_count(shape: tuple[int, ...] | list[int]) -> int:
    """Return the number of elements of a tensor, as an integer that cannot overflow."""
    count = 1
    for size in shape:
        count *= size
    return count
