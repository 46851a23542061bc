"""A file of named arrays that is checked as a whole and then mapped.

    magic, SHA-256 of all that follows, length of the description, description, arrays

The description is JSON: name, kind, shape and offset of each array, and the byte order of the
machine that wrote the file. Arrays begin at multiples of `_ALIGNMENT` from the start of the file.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
import sys
from collections.abc import Mapping

import numpy as np

from streamer.arrays import Array

_MAGIC = b"streamer arrays\0"
_LENGTH = struct.Struct("<I")
_DIGEST_BYTES = 32
_ALIGNMENT = 64
#: The arrays of one file, and the dimensions of one array.
_MAX_ARRAYS = 64
_MAX_DIMENSIONS = 4
_KINDS = frozenset(("uint8", "uint16", "int32", "float32"))


def pack_arrays(arrays: Mapping[str, Array]) -> bytes:
    """Return the bytes of a file.

    Args:
        arrays: arrays of the kinds uint8, uint16, int32 and float32.
    """
    entries, body = [], bytearray()
    for name, array in arrays.items():
        if array.dtype.name not in _KINDS:
            raise ValueError(f"{name} is of kind {array.dtype}")
        body += bytes(-len(body) % _ALIGNMENT)
        entries.append([name, array.dtype.name, list(array.shape), len(body)])
        body += array.tobytes()
    description = json.dumps({"byte_order": sys.byteorder, "arrays": entries}).encode()
    start = len(_MAGIC) + _DIGEST_BYTES + _LENGTH.size
    description += b" " * (-(start + len(description)) % _ALIGNMENT)
    rest = _LENGTH.pack(len(description)) + description + bytes(body)
    return _MAGIC + hashlib.sha256(rest).digest() + rest


def unpack_arrays(data: memoryview) -> dict[str, Array]:
    """Return the arrays of a file, read-only, without copying them.

    Args:
        data: the file, usually mapped.

    Raises:
        ValueError: not such a file, from a machine of another byte order, or damaged.
    """
    start = len(_MAGIC) + _DIGEST_BYTES
    if len(data) < start + _LENGTH.size or bytes(data[: len(_MAGIC)]) != _MAGIC:
        raise ValueError("not a file of arrays")
    if hashlib.sha256(data[start:]).digest() != bytes(data[len(_MAGIC) : start]):
        raise ValueError("damaged")
    (length,) = _LENGTH.unpack_from(data, start)
    body = start + _LENGTH.size + length
    if body > len(data):
        raise ValueError("truncated")
    try:
        description = json.loads(bytes(data[body - length : body]))
        if description["byte_order"] != sys.byteorder:
            raise ValueError("from a machine of another byte order")
        entries = description["arrays"]
        if len(entries) > _MAX_ARRAYS:
            raise ValueError("too many arrays")
        return {str(name): _array(data, body, *entry) for name, *entry in entries}
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("invalid description") from error


def _array(data: memoryview, body: int, kind: str, shape: list[int], offset: int) -> Array:
    sizes = [offset, *shape]
    if kind not in _KINDS or len(sizes) > 1 + _MAX_DIMENSIONS:
        raise ValueError("unknown kind of array")
    if not all(type(size) is int and 0 <= size <= len(data) for size in sizes):
        raise ValueError("impossible size")
    dtype, count = np.dtype(kind), math.prod(shape)
    if offset % _ALIGNMENT or body + offset + count * dtype.itemsize > len(data):
        raise ValueError("array outside the file")
    return np.frombuffer(data, dtype, count, body + offset).reshape(shape)
