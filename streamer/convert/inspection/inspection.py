"""The result of inspecting a model's file, and its parts as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Longer metadata is cut; an alphabet or a description fits.
MAX_VALUE_CHARACTERS = 200


@dataclass(frozen=True)
class TensorInfo:
    """An input, output or state.

    Attributes:
        name: its name.
        dtype: type of its elements, empty if the file does not say.
        shape: sizes of its axes as text, such as ``1, 16, 19, 26`` or ``1, 1..3000, 19, 26``.
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
    ranked = sorted(inspection.operations.items(), key=lambda item: (-item[1], item[0]))
    lines.append(("operations", "total", str(sum(inspection.operations.values()))))
    lines.extend(("operations", name, str(count)) for name, count in ranked)
    lines.extend(("metadata", key, value) for key, value in sorted(inspection.metadata.items()))
    return lines


def size_bytes(path: Path) -> int:
    """Return the size on disk of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def shape_text(sizes: Sequence[Any]) -> str:
    """Return a shape as text: ``?`` for an unknown size, ``1..3000`` for a range."""

    def axis(size: Any) -> str:
        if isinstance(size, tuple):
            return f"{size[0]}..{'' if size[1] < 0 else size[1]}"
        return "?" if isinstance(size, int) and size < 0 else str(size)

    return ", ".join(axis(size) for size in sizes)


def short_text(value: Any) -> str:
    """Return a value on one line, cut at `MAX_VALUE_CHARACTERS`."""
    text = " ".join(str(value).split())
    return text if len(text) <= MAX_VALUE_CHARACTERS else text[:MAX_VALUE_CHARACTERS] + " ..."
