"""The operations of ML programs that this project's models consist of, in NumPy.

Floating-point arrays are float32 here whatever the program calls them; the
caller rounds results to the declared type. Arguments are NumPy arrays, strings
and lists of arrays, by the names of the MIL specification.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable

import numpy as np

from streamer.arrays import Array
from streamer.errors import ConversionError

Arguments = Mapping[str, Any]
Operation = Callable[[Arguments], Sequence[Array]]

#: No tensor of these models comes near it; a damaged file may ask for anything.
MAX_ELEMENTS = 1 << 28

#: The operations by name.
OPERATIONS: dict[str, Operation] = {}


def unsupported_error(what: str) -> ConversionError:
    """Return the error for something that the checker cannot evaluate."""
    return ConversionError(
        f"the checker does not know {what}", "it cannot vouch for this model; test it on macOS"
    )


def _operation(*names: str) -> Callable[[Callable[[Arguments], Any]], Operation]:
    def register(function: Callable[[Arguments], Any]) -> Operation:
        def run(a: Arguments) -> Sequence[Array]:
            result = function(a)
            return result if isinstance(result, list) else [result]

        for name in names:
            OPERATIONS[name] = run
        return run

    return register


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)) without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))


def softmax(x: Array, axis: int) -> Array:
    """Return the softmax along an axis."""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


def number(a: Arguments, name: str, default: Any | None = None) -> Any:
    """Return a scalar argument as a Python number."""
    value = a.get(name)
    if value is None:
        return default
    array = np.asarray(value)
    if array.size != 1:
        raise ValueError(f"{name} is not a scalar")
    return array.reshape(()).item()


def numbers(a: Arguments, name: str) -> list[int]:
    """Return an argument of integers as a list."""
    return [int(n) for n in np.asarray(a[name]).ravel()]


_UNARY: dict[str, Callable[[Array], Array]] = {
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "square": np.square,
    "logical_not": np.logical_not,
    "identity": lambda x: x,
}
_BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "minimum": np.minimum,
    "maximum": np.maximum,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
}


def _register_elementwise() -> None:
    for name, unary in _UNARY.items():
        _operation(name)(lambda a, f=unary: f(np.asarray(a["x"])))  # type: ignore[misc]
    for name, binary in _BINARY.items():
        _operation(name)(lambda a, f=binary: f(a["x"], a["y"]))  # type: ignore[misc]


_register_elementwise()


@_operation("real_div")
def _real_div(a: Arguments) -> Array:
    if not np.issubdtype(np.asarray(a["x"]).dtype, np.floating):
        raise unsupported_error("real_div of integers")
    return np.asarray(a["x"] / a["y"])


@_operation("clip")
def _clip(a: Arguments) -> Array:
    return np.asarray(np.minimum(np.maximum(a["x"], a["alpha"]), a["beta"]))


@_operation("select")
def _select(a: Arguments) -> Array:
    return np.asarray(np.where(a["cond"], a["a"], a["b"]))


@_operation("cast")
def _cast(a: Arguments) -> Array:
    types = {"fp32": np.float32, "fp16": np.float32, "int32": np.int32, "bool": np.bool_}
    if a["dtype"] not in types:
        raise unsupported_error(f"a cast to {a['dtype']}")
    return np.asarray(a["x"]).astype(types[a["dtype"]])


@_operation("softmax")
def _softmax(a: Arguments) -> Array:
    return softmax(a["x"], number(a, "axis", -1))


def _reduce(function: Callable[..., Array], a: Arguments) -> Array:
    axes = tuple(numbers(a, "axes")) if a.get("axes") is not None else None
    return np.asarray(function(a["x"], axis=axes, keepdims=bool(number(a, "keep_dims", False))))


@_operation("reduce_sum")
def _reduce_sum(a: Arguments) -> Array:
    return _reduce(np.sum, a)


@_operation("reduce_mean")
def _reduce_mean(a: Arguments) -> Array:
    return _reduce(np.mean, a)


@_operation("reduce_max")
def _reduce_max(a: Arguments) -> Array:
    return _reduce(np.max, a)


@_operation("linear")
def _linear(a: Arguments) -> Array:
    y = a["x"] @ a["weight"].T
    return np.asarray(y if a.get("bias") is None else y + a["bias"])


@_operation("matmul")
def _matmul(a: Arguments) -> Array:
    x = np.swapaxes(a["x"], -1, -2) if number(a, "transpose_x", False) else a["x"]
    y = np.swapaxes(a["y"], -1, -2) if number(a, "transpose_y", False) else a["y"]
    return np.asarray(x @ y)


@_operation("conv")
def _conv(a: Arguments) -> Array:
    x, weight = a["x"], a["weight"]
    plain = (
        all(n == 1 for n in weight.shape[2:])
        and all(n == 1 for name in ("strides", "dilations") if name in a for n in numbers(a, name))
        and ("pad" not in a or not any(numbers(a, "pad")))
        and number(a, "groups", 1) == 1
    )
    if not plain:
        raise unsupported_error("convolutions other than 1x1")
    return pointwise(x, weight.reshape(weight.shape[:2]), a.get("bias"))


def pointwise(x: Array, matrix: Array, bias: Array | None) -> Array:
    """Return a 1x1 convolution: x (1, C, ...) and matrix (O, C) give (1, O, ...)."""
    if x.shape[0] != 1 or x.shape[1] != matrix.shape[1]:
        raise ValueError(f"x has shape {x.shape}, the kernel {matrix.shape}")
    y = matrix @ x.reshape(x.shape[1], -1)
    if bias is not None:
        y = y + np.asarray(bias).reshape(-1, 1)
    return np.asarray(y.reshape((1, matrix.shape[0], *x.shape[2:])))


@_operation("lstm")
def _lstm(a: Arguments) -> list[Array]:
    expected = {
        "direction": "forward",
        "recurrent_activation": "sigmoid",
        "cell_activation": "tanh",
        "activation": "tanh",
    }
    for name, value in expected.items():
        if a.get(name, value) != value:
            raise unsupported_error(f"an lstm with {name} {a[name]}")
    if a.get("peephole") is not None:
        raise unsupported_error("an lstm with peepholes")
    bias = a.get("bias")
    clip = number(a, "clip")
    ys, h, c = lstm(
        a["x"], a["initial_h"], a["initial_c"], a["weight_ih"], a["weight_hh"], bias, clip
    )
    return [ys if number(a, "output_sequence", False) else ys[-1:], h, c]


def lstm(
    x: Array,
    h: Array,
    c: Array,
    input_weights: Array,
    recurrent_weights: Array,
    bias: Array | None,
    clip: float | None = None,
) -> tuple[Array, Array, Array]:
    """Return what an LSTM says at each step, and its h and c after the last.

    Args:
        x: (steps, batch, inputs).
        h: (batch, N).
        c: (batch, N).
        input_weights: (4N, inputs), gates in the order i, f, o, z.
        recurrent_weights: (4N, N).
        bias: (4N,) or None.
        clip: largest absolute value of c, or None.
    """
    from_inputs = x @ input_weights.T
    if bias is not None:
        from_inputs = from_inputs + bias
    ys = np.empty((*x.shape[:2], h.shape[1]), from_inputs.dtype)
    for step, inputs in enumerate(from_inputs):
        i, f, o, z = np.split(inputs + h @ recurrent_weights.T, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(z)
        if clip is not None:
            c = np.clip(c, -clip, clip)
        h = sigmoid(o) * np.tanh(c)
        ys[step] = h
    return ys, h, c


@_operation("reshape")
def _reshape(a: Arguments) -> Array:
    x = np.asarray(a["x"])
    shape = [x.shape[k] if n == 0 else n for k, n in enumerate(numbers(a, "shape"))]
    return x.reshape(shape)


@_operation("transpose")
def _transpose(a: Arguments) -> Array:
    return np.asarray(np.transpose(a["x"], numbers(a, "perm")))


@_operation("expand_dims")
def _expand_dims(a: Arguments) -> Array:
    return np.expand_dims(a["x"], tuple(numbers(a, "axes")))


@_operation("squeeze")
def _squeeze(a: Arguments) -> Array:
    axes = tuple(numbers(a, "axes")) if a.get("axes") is not None else None
    return np.asarray(np.squeeze(a["x"], axes))


@_operation("concat")
def _concat(a: Arguments) -> Array:
    if number(a, "interleave", False):
        raise unsupported_error("an interleaved concat")
    return np.concatenate(a["values"], axis=number(a, "axis"))


@_operation("stack")
def _stack(a: Arguments) -> Array:
    return np.stack(a["values"], axis=number(a, "axis"))


@_operation("split")
def _split(a: Arguments) -> list[Array]:
    axis = number(a, "axis")
    if a.get("split_sizes") is not None:
        return np.split(a["x"], np.cumsum(numbers(a, "split_sizes"))[:-1], axis=axis)
    return np.split(a["x"], number(a, "num_splits"), axis=axis)


@_operation("shape")
def _shape(a: Arguments) -> Array:
    return np.array(np.asarray(a["x"]).shape, np.int32)


def check_size(count: float) -> None:
    """Refuse a tensor of more than `MAX_ELEMENTS`.

    Raises:
        ConversionError: it is larger.
    """
    if not 0 <= count <= MAX_ELEMENTS:
        raise unsupported_error(f"tensors of {count:.0f} elements")


@_operation("fill")
def _fill(a: Arguments) -> Array:
    shape = numbers(a, "shape")
    check_size(float(np.prod(shape, dtype=float)))
    value = np.asarray(a.get("value", np.float32(0)))
    return np.full(shape, value.reshape(()), value.dtype)


@_operation("tile")
def _tile(a: Arguments) -> Array:
    reps = numbers(a, "reps")
    check_size(float(np.prod(reps, dtype=float)) * np.asarray(a["x"]).size)
    return np.tile(a["x"], reps)


@_operation("range_1d")
def _range(a: Arguments) -> Array:
    start, end, step = number(a, "start"), number(a, "end"), number(a, "step")
    check_size(abs((end - start) / step))
    return np.arange(start, end, step, dtype=np.asarray(a["end"]).dtype)


@_operation("gather")
def _gather(a: Arguments) -> Array:
    if number(a, "batch_dims", 0):
        raise unsupported_error("gather with batch_dims")
    indices = np.asarray(a["indices"]).astype(np.int64)
    return np.take(a["x"], indices, axis=number(a, "axis", 0))


@_operation("gather_nd")
def _gather_nd(a: Arguments) -> Array:
    if number(a, "batch_dims", 0):
        raise unsupported_error("gather_nd with batch_dims")
    return gather_nd(a["x"], a["indices"])


def gather_nd(x: Array, indices: Array) -> Array:
    """Return the slices of x that the last axis of ``indices`` points to."""
    return np.asarray(x[tuple(np.moveaxis(np.asarray(indices).astype(np.int64), -1, 0))])


@_operation("scatter")
def _scatter(a: Arguments) -> Array:
    return scatter(
        a["data"], a["indices"], a["updates"], number(a, "axis", 0), str(a.get("mode", "add"))
    )


def scatter(data: Array, indices: Array, updates: Array, axis: int, mode: str) -> Array:
    """Return ``data`` with ``updates`` written (``update``) or added (``add``) at indices."""
    result = np.array(data)
    where: Any = (slice(None),) * (axis % result.ndim) + (np.asarray(indices).astype(np.int64),)
    if mode == "add":
        np.add.at(result, where, updates)
    elif mode == "update":
        result[where] = updates
    else:
        raise unsupported_error(f"scatter with mode {mode}")
    return result


@_operation("slice_by_index")
def _slice_by_index(a: Arguments) -> Array:
    def mask(name: str) -> list[bool]:
        if a.get(name) is None:
            return [False] * len(begin)
        return [bool(bit) for bit in np.asarray(a[name]).ravel()]

    begin, end = numbers(a, "begin"), numbers(a, "end")
    stride = numbers(a, "stride") if a.get("stride") is not None else [1] * len(begin)
    return slice_by_index(
        a["x"], begin, end, stride, mask("begin_mask"), mask("end_mask"), mask("squeeze_mask")
    )


def slice_by_index(
    x: Array,
    begin: Sequence[int],
    end: Sequence[int],
    stride: Sequence[int],
    begin_mask: Sequence[bool],
    end_mask: Sequence[bool],
    squeeze_mask: Sequence[bool],
) -> Array:
    """Return a slice of each axis; a set mask bit means from the start, to the end, or one."""
    where: list[Any] = []
    for k, first in enumerate(begin):
        if squeeze_mask[k]:
            where.append(first)
            continue
        start = None if begin_mask[k] else first
        stop = None if end_mask[k] else end[k]
        where.append(slice(start, stop, stride[k]))
    return np.asarray(np.asarray(x)[tuple(where)])


@_operation("slice_by_size")
def _slice_by_size(a: Arguments) -> Array:
    x = np.asarray(a["x"])
    begin, size = numbers(a, "begin"), numbers(a, "size")
    where = []
    for k, (first, n) in enumerate(zip(begin, size)):
        first = first % x.shape[k]
        if n >= 0 and first + n > x.shape[k]:
            raise ValueError("a slice reaches over the end")
        where.append(slice(first, None if n < 0 else first + n))
    return np.asarray(x[tuple(where)])


@_operation("constexpr_cast")
def _constexpr_cast(a: Arguments) -> Array:
    return np.asarray(a["source_val"]).astype(np.float32)


@_operation("constexpr_affine_dequantize")
def _affine(a: Arguments) -> Array:
    data = a["quantized_data"]
    shape = [1] * data.ndim
    shape[number(a, "axis")] = -1

    def along(value: Array) -> Array:
        value = np.asarray(value, np.float32)
        return value.reshape(shape) if value.ndim else value

    return np.asarray((data.astype(np.float32) - along(a["zero_point"])) * along(a["scale"]))


@_operation("constexpr_blockwise_shift_scale")
def _blockwise(a: Arguments) -> Array:
    data = a["data"].astype(np.float32)

    def spread(value: Array) -> Array:
        for axis, n in enumerate(data.shape):
            value = np.repeat(value, n // value.shape[axis], axis=axis)
        return np.asarray(value, np.float32)

    if a.get("offset") is not None:
        data = data - spread(a["offset"])
    return np.asarray(data * spread(a["scale"]))


def unpack_bits(data: Array, bits: int, count: int) -> Array:
    """Return ``count`` unsigned values of ``bits`` bits, packed from the lowest bit on."""
    stream = np.unpackbits(np.asarray(data, np.uint8), bitorder="little")[: count * bits]
    weights = (1 << np.arange(bits)).astype(np.uint8)
    return np.asarray((stream.reshape(count, bits) * weights).sum(axis=1), np.uint8)


@_operation("constexpr_lut_to_dense")
def _palette(a: Arguments) -> Array:
    indices, table = np.asarray(a["indices"]), np.asarray(a["lut"], np.float32)
    if a.get("shape") is not None:  # iOS 16: one table, packed indices, the shape apart
        shape = numbers(a, "shape")
        check_size(float(np.prod(shape, dtype=float)))
        bits = int(table.size).bit_length() - 1
        return table[unpack_bits(indices, bits, int(np.prod(shape)))].reshape(shape)
    if a.get("vector_axis") is not None or table.shape[-1] != 1:
        raise unsupported_error("palettes of vectors")
    # iOS 18: a table for each block; (blocks..., entries, 1)
    result = np.empty(indices.shape, np.float32)
    blocks = table.shape[:-2]
    size = [n // b for n, b in zip(indices.shape, blocks)]
    for block in np.ndindex(*blocks):
        where = tuple(slice(k * n, (k + 1) * n) for k, n in zip(block, size))
        result[where] = table[block][:, 0][indices[where]]
    return result
