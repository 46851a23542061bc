"""Tensors of a safetensors file, mapped: only the pages that are used are read.

The file begins with the length of its header (uint64, little-endian) and the header, JSON: for
each tensor its kind, shape, and where it begins and ends after the header.
"""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np

from streamer.arrays import Array
from streamer.untrusted.regular_files import map_regular

_LENGTH = struct.Struct("<Q")
#: A header of a few tensors has a kilobyte.
_MAX_HEADER_BYTES = 1 << 20
_KINDS = {"U8": "u1", "I8": "i1", "F16": "<f2", "F32": "<f4"}
_METADATA = "__metadata__"


def map_tensors(path: Path) -> dict[str, Array]:
    """Return the tensors of a safetensors file, read-only.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a safetensors file, is truncated, or has tensors of other kinds than
            8-bit integers and floats of 16 or 32 bits.
    """
    data = map_regular(path)
    if len(data) < _LENGTH.size:
        raise ValueError("it is truncated")
    (length,) = _LENGTH.unpack_from(data)
    body = _LENGTH.size + length
    if length > _MAX_HEADER_BYTES or body > len(data):
        raise ValueError("its header is too long")
    try:
        header = json.loads(bytes(data[_LENGTH.size : body]))
        return {
            name: _tensor(data[body:], entry) for name, entry in header.items() if name != _METADATA
        }
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("its header is invalid") from error


def _tensor(data: memoryview, entry: Any) -> Array:
    shape, (begin, end) = entry["shape"], entry["data_offsets"]
    if not all(type(size) is int and size >= 0 for size in (begin, end, *shape)):
        raise ValueError("its header has an impossible size")
    kind = np.dtype(_KINDS[entry["dtype"]])
    if end > len(data) or end - begin != math.prod(shape) * kind.itemsize:
        raise ValueError("a tensor does not fit its shape")
    tensor: Array = np.frombuffer(data, kind, math.prod(shape), begin).reshape(shape)
    return tensor
