"""Inspects TensorFlow graphs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from streamer.convert.inspection.inspection import (
    MAX_VALUE_CHARACTERS,
    Inspection,
    TensorInfo,
    shape_text,
    short_text,
    size_bytes,
)
from streamer.convert.readers.graph import read_graph
from streamer.convert.readers.mapped_file import damaged_file_error
from streamer.convert.readers.metadata import read_alphabet
from streamer.untrusted.damage import DamagedError

#: TensorFlow's numbers of data types.
_TYPES = {
    1: "float32",
    3: "int32",
    4: "uint8",
    6: "int8",
    7: "string",
    9: "int64",
    10: "bool",
    19: "float16",
}


def inspect_graph(path: Path) -> Inspection:
    """Inspect a ``.pb`` or ``.pbmm``; see `inspect_model`."""
    graph = read_graph(path)
    read = {source.split(":")[0].lstrip("^") for n in graph.nodes.values() for source in n.inputs}
    constants = ("Const", "ImmutableConst")
    about: dict[str, str] = {}
    try:

        def info(node: Any) -> TensorInfo:
            kind = graph.number(node, "dtype") or graph.number(node, "T") or 0
            dtype = _TYPES.get(int(kind), "")
            shape = graph.shape(node) if node.op == "Placeholder" else None
            return TensorInfo(node.name, dtype, "" if shape is None else shape_text(shape))

        inputs = [info(node) for node in graph.of_kind("Placeholder")]
        # Metadata are constants that nothing reads.
        outputs = []
        for node in graph.nodes.values():
            if node.name in read or node.op == "Placeholder":
                continue
            if node.op not in constants:
                outputs.append(info(node))
            elif node.name.startswith("metadata_"):
                values = graph.constant(node).ravel().tolist()
                key = node.name[len("metadata_") :]
                about[key] = _metadata_value(key, values)
    except DamagedError as error:
        raise damaged_file_error(path, "a TensorFlow graph", error) from error
    counts = Counter(node.op for node in graph.nodes.values() if node.op not in constants)
    kind = "TensorFlow graph, memory-mapped" if graph.regions else "TensorFlow graph"
    return Inspection(
        path, kind, size_bytes(path), tuple(inputs), tuple(outputs), (), dict(counts), about
    )


def _metadata_value(key: str, values: Sequence[Any]) -> str:
    first = values[0] if len(values) == 1 else list(values)
    if key == "alphabet" and isinstance(first, bytes):
        try:
            return "".join(read_alphabet(first))
        except DamagedError:
            return repr(first)[:MAX_VALUE_CHARACTERS]
    return short_text(first.decode("utf-8", "replace") if isinstance(first, bytes) else first)
