"""Operations that decompress stored weights (``constexpr_...``), in NumPy."""

from __future__ import annotations

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


@operation("constexpr_cast")
def _constexpr_cast(a: Arguments) -> Array:
    return np.asarray(a["source_val"]).astype(np.float32)


@operation("constexpr_affine_dequantize")
def _affine(a: Arguments) -> Array:
    data = a["quantized_data"]
    shape = [1] * data.ndim
    shape[number(a, "axis")] = -1

    def along(value: Array) -> Array:
        value = np.asarray(value, np.float32)
        return value.reshape(shape) if value.ndim else value

    return np.asarray((data.astype(np.float32) - along(a["zero_point"])) * along(a["scale"]))


@operation("constexpr_blockwise_shift_scale")
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
    """Return ``count`` unsigned values of ``bits`` bits, packed from the lowest bit up."""
    stream = np.unpackbits(np.asarray(data, np.uint8), bitorder="little")[: count * bits]
    weights = (1 << np.arange(bits)).astype(np.uint8)
    return np.asarray((stream.reshape(count, bits) * weights).sum(axis=1), np.uint8)


@operation("constexpr_lut_to_dense")
def _palette(a: Arguments) -> Array:
    indices, table = np.asarray(a["indices"]), np.asarray(a["lut"], np.float32)
    if a.get("shape") is not None:  # iOS 16: one table, packed indices, a separate shape
        shape = numbers(a, "shape")
        check_size(float(np.prod(shape, dtype=float)))
        bits = int(table.size).bit_length() - 1
        return table[unpack_bits(indices, bits, int(np.prod(shape)))].reshape(shape)
    if a.get("vector_axis") is not None or table.shape[-1] != 1:
        raise unsupported_error("palettes of vectors")
    # iOS 18: a table for each block, (blocks..., entries, 1)
    result = np.empty(indices.shape, np.float32)
    blocks = table.shape[:-2]
    size = [n // b for n, b in zip(indices.shape, blocks)]
    for block in np.ndindex(*blocks):
        where = tuple(slice(k * n, (k + 1) * n) for k, n in zip(block, size))
        result[where] = table[block][:, 0][indices[where]]
    return result
