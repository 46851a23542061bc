"""A reader of the protocol buffers wire format, as TensorFlow's and ONNX's graphs use it.

Every length is checked before it is used, and nothing is copied: fields are
views of the mapped file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Union

from streamer.untrusted.damage import DamagedError, FieldLimit

#: A field's value: a number for varints and fixed sizes, otherwise bytes.
Value = Union[int, memoryview]

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def read_varint(data: memoryview, position: int) -> tuple[int, int]:
    """Read a varint of at most 64 bits.

    Args:
        data: the bytes.
        position: its offset.

    Returns:
        The number and the offset after it.

    Raises:
        DamagedError: it is truncated or too long.
    """
    result = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise DamagedError("it is truncated in the middle of a number")
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & 0xFFFF_FFFF_FFFF_FFFF, position
    raise DamagedError("a number has more than 64 bits")


def fields(data: memoryview, limit: FieldLimit) -> Iterator[tuple[int, int, Value]]:
    """Iterate over the fields of a message.

    Args:
        data: the message.
        limit: bounds the number of fields.

    Yields:
        Field number, wire type, value; fixed sizes as unsigned numbers.

    Raises:
        DamagedError: the message is truncated or damaged.
    """
    position = 0
    while position < len(data):
        limit.count()
        key, position = read_varint(data, position)
        number, wire_type = key >> 3, key & 7
        if number == 0:
            raise DamagedError("a field has the number 0")
        value: Value
        if wire_type == VARINT:
            value, position = read_varint(data, position)
        elif wire_type == BYTES:
            length, position = read_varint(data, position)
            if length > len(data) - position:
                raise DamagedError(f"a field of {length} bytes is longer than the rest of the file")
            value = data[position : position + length]
            position += length
        elif wire_type in (FIXED32, FIXED64):
            size = 4 if wire_type == FIXED32 else 8
            if size > len(data) - position:
                raise DamagedError("it is truncated in the middle of a number")
            value = int.from_bytes(data[position : position + size], "little")
            position += size
        else:
            raise DamagedError(f"a field has the unsupported wire type {wire_type}")
        yield number, wire_type, value


def as_bytes(value: Value) -> memoryview:
    """Return a field's bytes.

    Raises:
        DamagedError: it is a number.
    """
    if isinstance(value, int):
        raise DamagedError("a number was found in place of a message")
    return value


def as_int(value: Value) -> int:
    """Return a field's number as a signed 64-bit integer.

    Raises:
        DamagedError: it is not a number.
    """
    if not isinstance(value, int):
        raise DamagedError("a message was found in place of a number")
    return value - (1 << 64) if value >= 1 << 63 else value


def as_text(value: Value, longest: int = 4096) -> str:
    """Return a field's text.

    Raises:
        DamagedError: it is too long, or not UTF-8.
    """
    data = as_bytes(value)
    if len(data) > longest:
        raise DamagedError(f"a name of {len(data)} bytes")
    try:
        return bytes(data).decode("utf-8")
    except UnicodeDecodeError as error:
        raise DamagedError("a name is not text") from error


def as_float(value: Value) -> float:
    """Return a fixed 32-bit field as a float.

    Raises:
        DamagedError: it is not one.
    """
    if not isinstance(value, int) or value >= 1 << 32:
        raise DamagedError("another value was found in place of a float")
    return float(struct.unpack("<f", struct.pack("<I", value))[0])


def varints(value: Value, wire_type: int, limit: FieldLimit) -> list[int]:
    """Return a repeated integer field's numbers, packed or one at a time.

    Raises:
        DamagedError: it is neither.
    """
    if wire_type == VARINT:
        return [as_int(value)]
    data, position, numbers = as_bytes(value), 0, []
    while position < len(data):
        limit.count()
        number, position = read_varint(data, position)
        numbers.append(as_int(number))
    return numbers
