"""Operations that reshape, slice, join and fill tensors, in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from streamer.arrays import Array
from streamer.convert.check.mil.operations import (
    Arguments,
    check_size,
    number,
    numbers,
    operation,
    unsupported_error,
)


@operation("reshape")
def _reshape(a: Arguments) -> Array:
    x = np.asarray(a["x"])
    shape = [x.shape[k] if n == 0 else n for k, n in enumerate(numbers(a, "shape"))]
    return x.reshape(shape)


@operation("transpose")
def _transpose(a: Arguments) -> Array:
    return np.asarray(np.transpose(a["x"], numbers(a, "perm")))


@operation("expand_dims")
def _expand_dims(a: Arguments) -> Array:
    return np.expand_dims(a["x"], tuple(numbers(a, "axes")))


@operation("squeeze")
def _squeeze(a: Arguments) -> Array:
    axes = tuple(numbers(a, "axes")) if a.get("axes") is not None else None
    return np.asarray(np.squeeze(a["x"], axes))


@operation("concat")
def _concat(a: Arguments) -> Array:
    if number(a, "interleave", False):
        raise unsupported_error("an interleaved concat")
    return np.concatenate(a["values"], axis=number(a, "axis"))


@operation("stack")
def _stack(a: Arguments) -> Array:
    return np.stack(a["values"], axis=number(a, "axis"))


@operation("split")
def _split(a: Arguments) -> list[Array]:
    axis = number(a, "axis")
    if a.get("split_sizes") is not None:
        return np.split(a["x"], np.cumsum(numbers(a, "split_sizes"))[:-1], axis=axis)
    return np.split(a["x"], number(a, "num_splits"), axis=axis)


@operation("shape")
def _shape(a: Arguments) -> Array:
    return np.array(np.asarray(a["x"]).shape, np.int32)


@operation("fill")
def _fill(a: Arguments) -> Array:
    shape = numbers(a, "shape")
    check_size(float(np.prod(shape, dtype=float)))
    value = np.asarray(a.get("value", np.float32(0)))
    return np.full(shape, value.reshape(()), value.dtype)


@operation("tile")
def _tile(a: Arguments) -> Array:
    reps = numbers(a, "reps")
    check_size(float(np.prod(reps, dtype=float)) * np.asarray(a["x"]).size)
    return np.tile(a["x"], reps)


@operation("range_1d")
def _range(a: Arguments) -> Array:
    start, end, step = number(a, "start"), number(a, "end"), number(a, "step")
    check_size(abs((end - start) / step))
    return np.arange(start, end, step, dtype=np.asarray(a["end"]).dtype)


@operation("gather")
def _gather(a: Arguments) -> Array:
    if number(a, "batch_dims", 0):
        raise unsupported_error("gather with batch_dims")
    indices = np.asarray(a["indices"]).astype(np.int64)
    return np.take(a["x"], indices, axis=number(a, "axis", 0))


@operation("gather_nd")
def _gather_nd(a: Arguments) -> Array:
    if number(a, "batch_dims", 0):
        raise unsupported_error("gather_nd with batch_dims")
    return gather_nd(a["x"], a["indices"])


def gather_nd(x: Array, indices: Array) -> Array:
    """Return the slices of x that the last axis of ``indices`` points to."""
    return np.asarray(x[tuple(np.moveaxis(np.asarray(indices).astype(np.int64), -1, 0))])


@operation("scatter")
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


@operation("slice_by_index")
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
    """Slice each axis; mask bits mean from the start, to the end, or a single index."""
    where: list[Any] = []
    for k, first in enumerate(begin):
        if squeeze_mask[k]:
            where.append(first)
            continue
        start = None if begin_mask[k] else first
        stop = None if end_mask[k] else end[k]
        where.append(slice(start, stop, stride[k]))
    return np.asarray(np.asarray(x)[tuple(where)])


@operation("slice_by_size")
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
