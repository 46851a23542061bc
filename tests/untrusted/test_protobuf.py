"""The wire format of protocol buffers: values of the wrong kind, too long, or cut off."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.untrusted.damage import DamagedError, FieldLimit
from streamer.untrusted.protobuf import (
    FIXED64,
    as_float,
    as_int,
    as_text,
    fields,
    read_varint,
    varints,
)
from tests.support.models.graphs import put, varint


def read(data: bytes) -> list[tuple[int, int, Any]]:
    return list(fields(memoryview(data), FieldLimit()))


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_integer_of_64_bits_is_read_as_it_was_written(number: int) -> None:
    ((field, _, value),) = read(put(5, number))
    assert field == 5 and as_int(value) == number


@given(st.floats(width=32, allow_nan=False))
def test_any_float_of_32_bits_is_too(number: float) -> None:
    assert as_float(read(put(5, number))[0][2]) == number


def test_numbers_come_packed_or_one_at_a_time() -> None:
    limit = FieldLimit()
    packed = b"".join(map(varint, (1, 300, -1)))
    assert varints(memoryview(packed), 2, limit) == [1, 300, -1]
    assert varints(300, 0, limit) == [300]


def test_a_number_of_eight_bytes_is_read() -> None:
    assert read(varint(3 << 3 | FIXED64) + bytes([1, 0, 0, 0, 0, 0, 0, 2])) == [
        (3, FIXED64, 2 << 56 | 1)
    ]


BYTES = memoryview(b"text")

REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "bytes for a number": (lambda: as_int(BYTES), "a message was found in place of a number"),
    "a number for text": (lambda: as_text(7), "a number was found in place of a message"),
    "bytes for a float": (lambda: as_float(BYTES), "in place of a float"),
    "64 bits for a float": (lambda: as_float(1 << 32), "in place of a float"),
    "a long name": (lambda: as_text(BYTES, 3), "a name of 4 bytes"),
    "a name that is not text": (lambda: as_text(memoryview(b"\xff")), "not text"),
    "an endless number": (lambda: read_varint(memoryview(b"\xff" * 11), 0), "more than 64 bits"),
    "a number cut off": (lambda: read(b"\x08\xff"), "in the middle of a number"),
    "a float cut off": (lambda: read(put(1, 1.0)[:-1]), "in the middle of a number"),
    "text cut off": (lambda: read(put(1, "text")[:-1]), "longer than the rest"),
    "field 0": (lambda: read(put(0, 1)), "the number 0"),
    "a group": (lambda: read(varint(1 << 3 | 3)), "wire type 3"),
    "too many fields": (
        lambda: list(fields(memoryview(put(1, 1) * 3), FieldLimit(2))), "far more fields",
    ),
    "too many numbers": (lambda: varints(memoryview(bytes(3)), 2, FieldLimit(2)), "far more"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_a_message_is_refused_in_words(kind: str) -> None:
    read_it, message = REFUSED[kind]
    with pytest.raises(DamagedError, match=message):
        read_it()
