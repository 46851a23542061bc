"""Files of arrays: what is written is read, and nothing else is."""

from __future__ import annotations

import hashlib
import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.decoding.compiled import array_file
from streamer.decoding.compiled.array_file import pack_arrays, unpack_arrays

ARRAYS = {
    "letters": np.frombuffer(b"some words", np.uint8),
    "tokens": np.arange(7, dtype=np.uint16),
    "numbers": np.array([[-1, 2], [3, 2**31 - 1]], np.int32),
    "scores": np.array([-1.5, 0.0], np.float32),
    "none": np.zeros(0, np.int32),
}
PACKED = pack_arrays(ARRAYS)
#: Magic, digest, length of the description.
DESCRIPTION = 16 + 32 + 4


def described(description: object) -> bytes:
    """A file whose digest fits a description of our own."""
    text = json.dumps(description).encode()
    rest = struct.pack("<I", len(text)) + text + bytes(256)
    return PACKED[:16] + hashlib.sha256(rest).digest() + rest


def test_arrays_are_read_as_they_were_written() -> None:
    found = unpack_arrays(memoryview(PACKED))
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype and found[name].tolist() == array.tolist()
        assert not found[name].flags.writeable


def test_other_kinds_are_not_written() -> None:
    with pytest.raises(ValueError, match="float64"):
        pack_arrays({"x": np.zeros(1)})


@given(st.integers(0, len(PACKED) - 1), st.integers(0, 7))
def test_any_flipped_bit_is_found(place: int, bit: int) -> None:
    damaged = bytearray(PACKED)
    damaged[place] ^= 1 << bit
    with pytest.raises(ValueError):
        unpack_arrays(memoryview(damaged))


@given(st.integers(0, len(PACKED) - 1))
def test_any_truncation_is_found(length: int) -> None:
    with pytest.raises(ValueError):
        unpack_arrays(memoryview(PACKED[:length]))


@pytest.mark.parametrize(
    "entry",
    [
        ["x", "int32", [1], -64],
        ["x", "int32", [1 << 40], 0],
        ["x", "int32", [1 << 20, 1 << 20, 1 << 20], 0],
        ["x", "int32", [1], 1 << 40],
        ["x", "int32", [100], 0],
        ["x", "int32", [1], 4],
        ["x", "int32", [-1], 0],
        ["x", "int32", [1.0], 0],
        ["x", "int32", [True], 0],
        ["x", "int32", "1", 0],
        ["x", "object", [1], 0],
        ["x", ["int32"], [1], 0],
        ["x", "int32", [1] * 9, 0],
        ["x", "int32"],
        [],
        7,
    ],
)
def test_a_description_that_lies_is_refused_though_its_digest_fits(entry: object) -> None:
    import sys

    with pytest.raises(ValueError):
        unpack_arrays(memoryview(described({"byte_order": sys.byteorder, "arrays": [entry]})))


@pytest.mark.parametrize("description", [None, [], {}, {"byte_order": "middle", "arrays": []}])
def test_a_file_of_another_machine_or_shape_is_refused(description: object) -> None:
    with pytest.raises(ValueError):
        unpack_arrays(memoryview(described(description)))


def test_more_arrays_than_anyone_writes_are_refused() -> None:
    import sys

    entries = [[str(i), "uint8", [0], 0] for i in range(array_file._MAX_ARRAYS + 1)]
    few = described({"byte_order": sys.byteorder, "arrays": entries[:1]})
    assert list(unpack_arrays(memoryview(few))) == ["0"]
    with pytest.raises(ValueError, match="too many arrays"):
        unpack_arrays(memoryview(described({"byte_order": sys.byteorder, "arrays": entries})))


def test_a_description_beyond_the_end_is_refused_though_its_digest_fits() -> None:
    rest = struct.pack("<I", 1000) + bytes(10)
    data = PACKED[:16] + hashlib.sha256(rest).digest() + rest
    with pytest.raises(ValueError, match="truncated"):
        unpack_arrays(memoryview(data))
