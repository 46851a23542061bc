"""The result of inspecting a model's file, and its parts as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from streamer.acoustic.contract import INPUT_NODE

#: Operations that only a model of open size needs, in the formats that have them.
_SIZES_AT_RUN_TIME: Mapping[str, str] = MappingProxyType(
    {
        "Shape": "reads the number of steps from the input",
        "shape": "reads the number of steps from the input",
        "getShape": "reads the number of steps from the input",
        "reshapeDynamic": "reshapes to a size computed at run time",
        "fill": "makes an array of a size computed at run time",
        "fillDynamic": "makes an array of a size computed at run time",
        "range_1d": "counts the steps at run time",
        "rangeDynamic": "counts the steps at run time",
    }
)

#: Longer metadata is cut; an alphabet or a description fits.
MAX_VALUE_CHARACTERS = 200


@dataclass(frozen=True)
class TensorInfo:
    """An input, output or state.

    Attributes:
        name: its name.
        dtype: type of its elements, empty if the file does not say.
        shape: sizes of its axes as text, such as ``1, 16, 19, 26``, ``1, 1..3000, 19, 26`` or
            ``1, None, 19, 26``.
    """

    name: str
    dtype: str
    shape: str


@dataclass(frozen=True)
class Inspection:
    """The contents of a model's file.

    Attributes:
        path: the file.
        kind: its format, in words.
        size_bytes: size on disk.
        inputs: inputs of the model.
        outputs: outputs of the model.
        states: states that the model keeps.
        operations: number of operations of each kind, without constants.
        metadata: the file's own description.
    """

    path: Path
    kind: str
    size_bytes: int
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    states: tuple[TensorInfo, ...] = ()
    operations: Mapping[str, int] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


def inspection_rows(inspection: Inspection) -> list[tuple[str, str, str]]:
    """Return an inspection as table rows: heading, key and value."""
    lines = [
        ("file", "kind", inspection.kind),
        ("file", "size", f"{inspection.size_bytes:,} bytes"),
    ]
    for heading, tensors in (
        ("inputs", inspection.inputs),
        ("outputs", inspection.outputs),
        ("states", inspection.states),
    ):
        for tensor in tensors:
            # A file may leave a shape open: then none is shown.
            shape = f" ({tensor.shape})" if tensor.shape else ""
            lines.append((heading, tensor.name, f"{tensor.dtype}{shape}".strip() or "not stated"))
    lines.extend(("in words", key, words) for key, words in explain(inspection))
    ranked = sorted(inspection.operations.items(), key=lambda item: (-item[1], item[0]))
    lines.append(("operations", "total", str(sum(inspection.operations.values()))))
    lines.extend(("operations", name, str(count)) for name, count in ranked)
    lines.extend(("metadata", key, value) for key, value in sorted(inspection.metadata.items()))
    return lines


def explain(inspection: Inspection) -> list[tuple[str, str]]:
    """Return in words how a model takes windows: what a static and a dynamic one differ in.

    Returns:
        Pairs of what and how; empty for a model without the input ``input_node``.
    """
    shapes = {tensor.name: tensor.shape.split(", ") for tensor in inspection.inputs}
    axes = shapes.get(INPUT_NODE, [])
    if len(axes) != 4:
        return []
    steps = axes[1]
    if steps.isdigit():
        return [
            ("windows", f"static: always {steps} steps; the last window is padded"),
            ("sizes", "all are known when the model is converted"),
        ]
    found = [
        f"{kind} ({inspection.operations[kind]}) {words}"
        for kind, words in _SIZES_AT_RUN_TIME.items()
        if kind in inspection.operations
    ]
    number = "any number of" if steps == "None" else steps.replace("..", " to ")
    return [
        ("windows", f"dynamic: {number} steps in a call, a whole recording too"),
        ("sizes", "; ".join(found) or "the time axis is left open by every operation"),
    ]


def size_bytes(path: Path) -> int:
    """Return the size on disk of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def shape_text(sizes: Sequence[Any]) -> str:
    """Return a shape as text: ``None`` for an open size, ``1..3000`` for a range."""

    def axis(size: Any) -> str:
        if isinstance(size, tuple):
            return "None" if size[1] < 0 else f"{size[0]}..{size[1]}"
        return "None" if isinstance(size, int) and size < 0 else str(size)

    return ", ".join(axis(size) for size in sizes)


def short_text(value: Any) -> str:
    """Return a value on one line, cut at `MAX_VALUE_CHARACTERS`."""
    text = " ".join(str(value).split())
    return text if len(text) <= MAX_VALUE_CHARACTERS else text[:MAX_VALUE_CHARACTERS] + " ..."
