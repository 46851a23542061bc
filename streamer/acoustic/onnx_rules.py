"""Refuses ONNX files that are more than a network, before ONNX Runtime opens them.

A file could loop for ever, read other files, or multiply a vector by itself until the memory is
full, all while it is being opened. Only operations that DeepSpeech's networks need are accepted,
and their results are bounded: the shape of each is followed through the graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Callable

from streamer.untrusted.damage import DamagedError
from streamer.untrusted.onnx_file import OnnxFile, OnnxNode, element_count, read_onnx_file
from streamer.untrusted.regular_files import map_regular

Shape = tuple[int, ...]

#: Ours have 39.
_MAX_NODES = 500
#: Elements of one result, and of all: 16 steps of 2,048 units have 131,072.
_MAX_ELEMENTS = 1 << 26
#: Length that is assumed of an axis of any length.
_ANY_LENGTH = 1024
_MICROSOFT = "com.microsoft"


def check_onnx(path: Path) -> None:
    """Check that a file has only what a network of the DeepSpeech family needs.

    Args:
        path: the ``.onnx`` file.

    Raises:
        OSError: it cannot be opened, or is not a regular file.
        ValueError: it is empty.
        DamagedError: it is damaged, or has something else in it.
    """
    file = read_onnx_file(map_regular(path))
    if not file.nodes:
        raise DamagedError("it has no operations")
    if len(file.nodes) > _MAX_NODES:
        raise DamagedError(f"it has {len(file.nodes)} operations")
    if file.has_functions or file.has_sparse:
        raise DamagedError("it has functions, or constants that are stored sparsely")
    _check_locations(file, path)
    _check_shapes(file)


def _check_locations(file: OnnxFile, path: Path) -> None:
    root = path.resolve().parent
    for name, constant in file.constants.items():
        if constant.location is None:
            continue
        try:
            other = (root / constant.location).resolve()
            inside = root in other.parents and other.is_file()
        except (OSError, ValueError, RuntimeError):
            inside = False
        if not inside:
            raise DamagedError(f"the values of {name} are in another folder or missing")
        if element_count(constant.shape) > other.stat().st_size:
            raise DamagedError(f"the constant {name} is larger than its file")


def _check_shapes(file: OnnxFile) -> None:
    shapes: dict[str, Shape] = {name: tensor.shape for name, tensor in file.constants.items()}
    for value in file.inputs:
        shape = tuple(n if isinstance(n, int) and n >= 0 else _ANY_LENGTH for n in value.shape)
        shapes.setdefault(value.name, _bounded(value.name, shape))
    total = 0
    for node in file.nodes:
        rule = _RULES.get(("" if node.domain == "ai.onnx" else node.domain, node.op))
        if rule is None or node.has_graph:
            raise DamagedError(f"it has the operation {node.op[:60]}, which no such network has")
        for name in node.inputs:
            if name and name not in shapes:
                raise DamagedError(f"the operation {node.op} reads what is not there")
        results = rule(node, [shapes.get(name, ()) for name in node.inputs], file)
        for name, shape in zip(node.outputs, results):
            shapes[name] = _bounded(node.op, shape)
            total += element_count(shape)
        if total > _MAX_ELEMENTS:
            raise DamagedError("its results are too large")
    _check_descriptions(file, shapes)


def _check_descriptions(file: OnnxFile, shapes: dict[str, Shape]) -> None:
    """Compare what the file says of its results: ONNX Runtime 1.19 crashes where it is wrong."""
    for value in file.outputs:
        if value.name not in shapes:
            raise DamagedError(f"its output {value.name[:60]} is never computed")
    for value in [*file.inputs, *file.results, *file.outputs]:
        found = shapes.get(value.name)
        if found is not None and value.has_shape and len(value.shape) != len(found):
            raise DamagedError(
                f"{value.name[:60]} is said to have {len(value.shape)} axes and has {len(found)}"
            )


def _bounded(what: str, shape: Shape) -> Shape:
    if element_count(shape) > _MAX_ELEMENTS:
        raise DamagedError(f"{what} has the shape {shape}")
    return shape


def _need(inputs: Sequence[Shape], count: int, node: OnnxNode) -> None:
    if len(inputs) < count:
        raise DamagedError(f"the operation {node.op} has too few inputs")


def _first(node: OnnxNode, inputs: Sequence[Shape], file: OnnxFile) -> list[Shape]:
    _need(inputs, 1, node)
    return [inputs[0]]


def _broadcast(node: OnnxNode, inputs: Sequence[Shape], file: OnnxFile) -> list[Shape]:
    return [_joined(inputs)]


def _joined(inputs: Sequence[Shape]) -> Shape:
    """Return the shape that others are broadcast to; of two lengths the larger."""
    rank = max(map(len, inputs), default=0)
    padded = [(1,) * (rank - len(shape)) + shape for shape in inputs]
    return tuple(max(lengths) for lengths in zip(*padded))


def _product(node: OnnxNode, inputs: Sequence[Shape], file: OnnxFile) -> list[Shape]:
    _need(inputs, 2, node)
    a, b = inputs[0], inputs[1]
    if len(a) < 2 or len(b) < 2:
        raise DamagedError(f"the operation {node.op} multiplies shapes {a} and {b}")
    return [(*_joined([a[:-2], b[:-2]]), a[-2], b[-1])]


def _gemm(node: OnnxNode, inputs: Sequence[Shape], file: OnnxFile) -> list[Shape]:
    _need(inputs, 2, node)
    a, b = inputs[0], inputs[1]
    if len(a) != 2 or len(b) != 2:
        raise DamagedError(f"the operation {node.op} multiplies shapes {a} and {b}")
    rows = a[1] if node.integers.get("transA") else a[0]
    return [(rows, b[0] if node.integers.get("transB") else b[1])]


def _reshape(node: OnnxNode, inputs: Sequence[Shape], file: OnnxFile) -> list[Shape]:
    _need(inputs, 2, node)
    target = file.constants.get(node.inputs[1])
    if target is None or target.small is None:
        raise DamagedError("a shape is computed")
    sizes, count = list(target.small), element_count(inputs[0])
    for i, size in enumerate(sizes):
        if size == 0 and i < len(inputs[0]):
            sizes[i] = inputs[0][i]
    if min(sizes, default=1) < -1 or sizes.count(-1) > 1:
        raise DamagedError(f"a shape is {tuple(sizes)}")
    if -1 in sizes:
        known = element_count([size for size in sizes if size >= 0])
        sizes[sizes.index(-1)] = count // known if known else 0
    return [tuple(sizes)]


def _transpose(node: OnnxNode, inputs: Sequence[Shape], file: OnnxFile) -> list[Shape]:
    _need(inputs, 1, node)
    if len(inputs[0]) != 2:
        raise DamagedError("it transposes more than a matrix")
    return [(inputs[0][1], inputs[0][0])]


def _concat(node: OnnxNode, inputs: Sequence[Shape], file: OnnxFile) -> list[Shape]:
    _need(inputs, 1, node)
    axis, rank = node.integers.get("axis", 0), len(inputs[0])
    if not -rank <= axis < rank or any(len(shape) != rank for shape in inputs):
        raise DamagedError(f"it joins the shapes {tuple(inputs)[:3]}")
    joined = list(_joined(inputs))
    joined[axis] = sum(shape[axis] for shape in inputs)
    return [tuple(joined)]


def _split(node: OnnxNode, inputs: Sequence[Shape], file: OnnxFile) -> list[Shape]:
    _need(inputs, 1, node)
    axis, rank = node.integers.get("axis", 0), len(inputs[0])
    if not -rank <= axis < rank:
        raise DamagedError(f"it splits the shape {inputs[0]}")
    constant = file.constants.get(node.inputs[1]) if len(node.inputs) > 1 else None
    sizes = None if constant is None else constant.small
    if sizes is None or len(sizes) != len(node.outputs) or sum(sizes) != inputs[0][axis]:
        sizes = (inputs[0][axis],) * len(node.outputs)
    shapes = []
    for size in sizes:
        shape = list(inputs[0])
        shape[axis] = size
        shapes.append(tuple(shape))
    return shapes


def _quantise(node: OnnxNode, inputs: Sequence[Shape], file: OnnxFile) -> list[Shape]:
    _need(inputs, 1, node)
    return [inputs[0], (), ()]


def _lstm(node: OnnxNode, inputs: Sequence[Shape], file: OnnxFile) -> list[Shape]:
    _need(inputs, 3, node)
    x, units = inputs[0], node.integers.get("hidden_size", 0)
    directions = inputs[1][0] if inputs[1] else 0
    if len(x) != 3 or units < 1 or not 1 <= directions <= 2:
        raise DamagedError(f"its LSTM reads shape {x} and has {units} units")
    steps, batch = x[0], x[1]
    return [(steps, directions, batch, units), *[(directions, batch, units)] * 2]


_Rule = Callable[[OnnxNode, Sequence[Shape], OnnxFile], "list[Shape]"]

_RULES: dict[tuple[str, str], _Rule] = {
    **{("", op): _first for op in ("Cast", "Clip", "Identity", "Relu", "Sigmoid", "Softmax",
                                   "Tanh")},
    **{("", op): _broadcast for op in ("Add", "Sub", "Mul", "Div", "Min", "Max")},
    ("", "MatMul"): _product,
    ("", "MatMulInteger"): _product,
    ("", "Gemm"): _gemm,
    ("", "Reshape"): _reshape,
    ("", "Transpose"): _transpose,
    ("", "Concat"): _concat,
    ("", "Split"): _split,
    ("", "DynamicQuantizeLinear"): _quantise,
    ("", "LSTM"): _lstm,
    (_MICROSOFT, "DynamicQuantizeLSTM"): _lstm,
}  # fmt: skip
