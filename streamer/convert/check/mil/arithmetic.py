"""Elementwise operations, reductions, matrix products and the LSTM, in NumPy."""

from __future__ import annotations

from typing import Callable

import numpy as np

from streamer.acoustic.numpy_model import sigmoid, softmax
from streamer.arrays import Array
from streamer.convert.check.mil.operations import (
    Arguments,
    number,
    numbers,
    operation,
    unsupported_error,
)

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
        operation(name)(lambda a, f=unary: f(np.asarray(a["x"])))  # type: ignore[misc]
    for name, binary in _BINARY.items():
        operation(name)(lambda a, f=binary: f(a["x"], a["y"]))  # type: ignore[misc]


_register_elementwise()


@operation("real_div")
def _real_div(a: Arguments) -> Array:
    if not np.issubdtype(np.asarray(a["x"]).dtype, np.floating):
        raise unsupported_error("real_div of integers")
    return np.asarray(a["x"] / a["y"])


@operation("clip")
def _clip(a: Arguments) -> Array:
    return np.asarray(np.minimum(np.maximum(a["x"], a["alpha"]), a["beta"]))


@operation("select")
def _select(a: Arguments) -> Array:
    return np.asarray(np.where(a["cond"], a["a"], a["b"]))


@operation("cast")
def _cast(a: Arguments) -> Array:
    types = {"fp32": np.float32, "fp16": np.float32, "int32": np.int32, "bool": np.bool_}
    if a["dtype"] not in types:
        raise unsupported_error(f"a cast to {a['dtype']}")
    x, wanted = np.asarray(a["x"]), types[a["dtype"]]
    # Between floats the caller rounds, or not.
    if wanted is np.float32 and np.issubdtype(x.dtype, np.floating):
        return x
    return x.astype(wanted)


@operation("softmax")
def _softmax(a: Arguments) -> Array:
    return softmax(a["x"], number(a, "axis", -1))


def _reduce(function: Callable[..., Array], a: Arguments) -> Array:
    axes = tuple(numbers(a, "axes")) if a.get("axes") is not None else None
    return np.asarray(function(a["x"], axis=axes, keepdims=bool(number(a, "keep_dims", False))))


@operation("reduce_sum")
def _reduce_sum(a: Arguments) -> Array:
    return _reduce(np.sum, a)


@operation("reduce_mean")
def _reduce_mean(a: Arguments) -> Array:
    return _reduce(np.mean, a)


@operation("reduce_max")
def _reduce_max(a: Arguments) -> Array:
    return _reduce(np.max, a)


@operation("linear")
def _linear(a: Arguments) -> Array:
    y = a["x"] @ a["weight"].T
    return np.asarray(y if a.get("bias") is None else y + a["bias"])


@operation("matmul")
def _matmul(a: Arguments) -> Array:
    x = np.swapaxes(a["x"], -1, -2) if number(a, "transpose_x", False) else a["x"]
    y = np.swapaxes(a["y"], -1, -2) if number(a, "transpose_y", False) else a["y"]
    return np.asarray(x @ y)


@operation("conv")
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


@operation("lstm")
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
    """Return the outputs of an LSTM at each step, and h and c after the last.

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
