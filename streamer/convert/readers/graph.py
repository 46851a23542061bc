"""Reads TensorFlow graphs without TensorFlow: plain (.pb) or memory-mapped (.pbmm).

Field numbers are those of TensorFlow's graph.proto, node_def.proto,
attr_value.proto, tensor.proto, tensor_shape.proto and
memmapped_file_system.proto.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from streamer.arrays import Array
from streamer.convert.readers.mapped_file import damaged_file_error, map_file
from streamer.untrusted.damage import DamagedError, FieldLimit
from streamer.untrusted.protobuf import (
    BYTES,
    FIXED32,
    as_bytes,
    as_float,
    as_int,
    as_text,
    fields,
    varints,
)

#: TensorFlow's DataType numbers that DeepSpeech's graphs use.
DTYPES: Mapping[int, Any] = {1: np.float32, 2: np.float64, 3: np.int32, 9: np.int64, 19: np.float16}
STRING = 7

#: Region of a memory-mapped package with the graph.
_GRAPH_REGION = "memmapped_package://."
#: Most elements of a tensor that is given as one value for all of them.
_MAX_FILLED = 1 << 20
_MAX_RANK = 8


@dataclass(frozen=True)
class Node:
    """One operation of a graph.

    Attributes:
        name: its name.
        op: its type, such as ``MatMul``.
        inputs: names of its input nodes.
        attributes: undecoded AttrValue messages, see `Graph`.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, memoryview] = field(repr=False)


@dataclass(frozen=True)
class Graph:
    """A graph whose tensors are decoded on demand from the mapped file.

    Attributes:
        nodes: nodes by name, in the file's order.
        regions: regions of a memory-mapped package by name; empty for a plain graph.
        limit: bounds the work of decoding.
    """

    nodes: Mapping[str, Node]
    regions: Mapping[str, memoryview]
    limit: FieldLimit = field(repr=False)

    def of_kind(self, op: str) -> list[Node]:
        """Return all nodes of a kind."""
        return [node for node in self.nodes.values() if node.op == op]

    def number(self, node: Node, attribute: str) -> float | None:
        """Return a number, bool or type attribute; None if it is missing."""
        raw = node.attributes.get(attribute)
        if raw is None:
            return None
        # A number that is 0 may be omitted from the message.
        result = 0.0
        for number, wire_type, value in fields(raw, self.limit):
            if number in (3, 5, 6):
                result = float(as_int(value))
            elif number == 4 and wire_type == FIXED32:
                result = as_float(value)
        return result

    def shape(self, node: Node, attribute: str = "shape") -> tuple[int, ...] | None:
        """Return a shape attribute, -1 for unknown sizes; None if it is missing."""
        raw = node.attributes.get(attribute)
        if raw is None:
            return None
        for number, _, value in fields(raw, self.limit):
            if number == 7:
                return self._dimensions(as_bytes(value))
        return None

    def text(self, node: Node, attribute: str) -> str | None:
        """Return a string attribute; None if it is missing."""
        raw = node.attributes.get(attribute)
        if raw is None:
            return None
        for number, _, value in fields(raw, self.limit):
            if number == 2:
                return as_text(value)
        return None

    def constant(self, node: Node) -> Array:
        """Decode the tensor of a ``Const`` or ``ImmutableConst`` node.

        Returns:
            The array, a copy; byte strings as an object array.

        Raises:
            DamagedError: the node has no tensor, or it is damaged.
        """
        if node.op == "ImmutableConst":
            return self._mapped(node)
        raw = node.attributes.get("value")
        if node.op != "Const" or raw is None:
            raise DamagedError(f"{node.name} is not a constant")
        for number, _, value in fields(raw, self.limit):
            if number == 8:
                return self._tensor(node.name, as_bytes(value))
        raise DamagedError(f"{node.name} has no tensor")

    def _mapped(self, node: Node) -> Array:
        region = self.regions.get(self.text(node, "memory_region_name") or "")
        dtype = DTYPES.get(int(self.number(node, "dtype") or 0))
        shape = self.shape(node)
        if region is None or dtype is None or shape is None or min(shape, default=0) < 0:
            raise DamagedError(f"{node.name} is not in the package")
        return _from_bytes(node.name, region, dtype, shape, exact=False)

    def _tensor(self, name: str, data: memoryview) -> Array:
        kind = 0
        shape: tuple[int, ...] = ()
        content: memoryview | None = None
        values: list[Any] = []
        for number, wire_type, value in fields(data, self.limit):
            if number == 1:
                kind = as_int(value)
            elif number == 2:
                shape = self._dimensions(as_bytes(value))
            elif number == 4:
                content = as_bytes(value)
            elif number == 5:
                values.extend(_floats(value, wire_type))
            elif number in (7, 10):
                values.extend(varints(value, wire_type, self.limit))
            elif number == 8:
                values.append(bytes(as_bytes(value)))
        if min(shape, default=0) < 0:
            raise DamagedError(f"{name} has shape {shape}")
        if kind == STRING:
            return np.array(values, dtype=object)
        if kind not in DTYPES:
            raise DamagedError(f"{name} has the type {kind}, which no DeepSpeech network has")
        if content is not None and len(content):
            return _from_bytes(name, content, DTYPES[kind], shape, exact=True)
        return _filled(name, values, DTYPES[kind], shape)

    def _dimensions(self, data: memoryview) -> tuple[int, ...]:
        sizes = []
        for number, _, value in fields(data, self.limit):
            if number == 2:
                size = 0
                for inner, _, inner_value in fields(as_bytes(value), self.limit):
                    if inner == 1:
                        size = as_int(inner_value)
                sizes.append(size)
                if len(sizes) > _MAX_RANK or abs(size) > 1 << 31:
                    raise DamagedError("a tensor has an impossible shape")
        return tuple(sizes)


def _count(shape: tuple[int, ...]) -> int:
    # Python integers: a product of malicious sizes must not overflow.
    count = 1
    for size in shape:
        count *= size
    return count


def _from_bytes(
    name: str, data: memoryview, dtype: Any, shape: tuple[int, ...], exact: bool
) -> Array:
    needed = _count(shape) * np.dtype(dtype).itemsize
    if len(data) < needed or (exact and len(data) != needed):
        raise DamagedError(f"{name} has {len(data)} bytes, its shape {shape} needs {needed}")
    little = np.dtype(dtype).newbyteorder("<")
    return np.frombuffer(data[:needed], little).astype(dtype).reshape(shape)


def _filled(name: str, values: list[Any], dtype: Any, shape: tuple[int, ...]) -> Array:
    """Expand TensorFlow's short form: the last value is repeated."""
    count = _count(shape)
    if count > _MAX_FILLED or len(values) > count:
        raise DamagedError(f"{name} has {len(values)} values for shape {shape}")
    try:
        result = np.full(count, values[-1] if values else 0, dtype)
        result[: len(values)] = values
    except (OverflowError, ValueError, TypeError) as error:
        raise DamagedError(f"{name} has values that do not fit its type") from error
    return result.reshape(shape)


def _floats(value: Any, wire_type: int) -> list[float]:
    if wire_type == FIXED32:
        return [as_float(value)]
    data = as_bytes(value)
    if wire_type != BYTES or len(data) % 4 or len(data) > 4 * _MAX_FILLED:
        raise DamagedError("a list of floats has an odd length")
    return [float(x) for x in np.frombuffer(data, "<f4")]


def read_graph(path: Path) -> Graph:
    """Read the nodes of a graph; tensors are decoded on demand.

    Args:
        path: a ``.pb`` or ``.pbmm``, recognised by its content.

    Raises:
        ConversionError: the file is missing or neither of them.
    """
    data = map_file(path)
    limit = FieldLimit()
    try:
        regions = _package_regions(data, limit)
        graph = regions.get(_GRAPH_REGION, data)
        nodes = _nodes(graph, limit)
        if not nodes:
            raise DamagedError("it has no operations")
    except DamagedError as error:
        raise damaged_file_error(path, "a TensorFlow graph", error) from error
    return Graph(nodes, regions, limit)


def _package_regions(data: memoryview, limit: FieldLimit) -> dict[str, memoryview]:
    """Return the regions of a memory-mapped package; empty if it is not one.

    Such a file ends with its directory and the 8-byte offset of the directory.
    """
    if len(data) < 16:
        return {}
    start = int.from_bytes(data[-8:], "little")
    if not 0 < start < len(data) - 8:
        return {}
    try:
        elements = _directory(data[start:-8], limit)
    except DamagedError:
        return {}
    if _GRAPH_REGION not in elements:
        return {}
    regions = {}
    # Old packages do not state lengths: a region ends at the next offset.
    offsets = sorted({*(offset for offset, _ in elements.values()), start})
    for name, (offset, length) in elements.items():
        if offset > start:
            raise DamagedError(f"region {name} is outside the file")
        following = min(bisect.bisect_right(offsets, offset), len(offsets) - 1)
        end = offset + length if length else offsets[following]
        if end > start:
            raise DamagedError(f"region {name} is longer than the file")
        regions[name] = data[offset:end]
    return regions


def _directory(data: memoryview, limit: FieldLimit) -> dict[str, tuple[int, int]]:
    elements = {}
    for number, _, value in fields(data, limit):
        if number != 1:
            raise DamagedError("the directory has an unknown field")
        name, offset, length = "", 0, 0
        for inner, _, inner_value in fields(as_bytes(value), limit):
            if inner == 1:
                offset = as_int(inner_value)
            elif inner == 2:
                name = as_text(inner_value)
            elif inner == 3:
                length = as_int(inner_value)
        if offset < 0 or length < 0:
            raise DamagedError(f"region {name} is outside the file")
        elements[name] = (offset, length)
    return elements


def _nodes(data: memoryview, limit: FieldLimit) -> dict[str, Node]:
    nodes = {}
    for number, wire_type, value in fields(data, limit):
        if number == 1 and wire_type == BYTES:
            node = _node(as_bytes(value), limit)
            nodes[node.name] = node
    return nodes


def _node(data: memoryview, limit: FieldLimit) -> Node:
    name = op = ""
    inputs: list[str] = []
    attributes: dict[str, memoryview] = {}
    for number, _, value in fields(data, limit):
        if number == 1:
            name = as_text(value)
        elif number == 2:
            op = as_text(value)
        elif number == 3:
            inputs.append(as_text(value))
        elif number == 5:
            key, entry = "", memoryview(b"")
            for inner, _, inner_value in fields(as_bytes(value), limit):
                if inner == 1:
                    key = as_text(inner_value)
                elif inner == 2:
                    entry = as_bytes(inner_value)
            attributes[key] = entry
    if not name or not op:
        raise DamagedError("an operation has no name or no type")
    return Node(name, op, tuple(inputs), attributes)
