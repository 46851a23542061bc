"""A reader of FlatBuffers, with the features that TensorFlow Lite's files use.

Every offset and length is checked before it is used.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from streamer.untrusted.damage import DamagedError, FieldLimit

#: Longest name that is read, in bytes.
_LONGEST_TEXT = 4096


class Table:
    """A table of a FlatBuffer; fields are read by their number in the schema.

    Args:
        data: the whole file.
        position: offset of the table.
        limit: bounds the number of tables and fields.
    """

    def __init__(self, data: memoryview, position: int, limit: FieldLimit) -> None:
        limit.count()
        self._data = data
        self._position = position
        self._limit = limit
        self._fields = position - int(self._unpack("<i", position))
        self._size = int(self._unpack("<H", self._fields))

    @classmethod
    def root(cls, data: memoryview, limit: FieldLimit) -> Table:
        """Return the root table."""
        if len(data) < 8:
            raise DamagedError("the file is too short")
        return cls(data, int(struct.unpack_from("<I", data, 0)[0]), limit)

    def number(self, index: int, kind: str, default: float = 0) -> Any:
        """Return a number.

        Args:
            index: number of the field.
            kind: its type as a `struct` format character.
            default: the schema's default, for an omitted field.
        """
        position = self._field(index)
        return default if position is None else self._unpack("<" + kind, position)

    def text(self, index: int) -> str:
        """Return a string, empty if the field is omitted."""
        raw = self.data(index)
        if len(raw) > _LONGEST_TEXT:
            raise DamagedError(f"a name of {len(raw)} bytes")
        return bytes(raw).decode("utf-8", "replace")

    def data(self, index: int) -> memoryview:
        """Return a vector of bytes or a string, empty if the field is omitted."""
        start, length = self._vector(index, 1)
        return self._data[start : start + length]

    def numbers(self, index: int, dtype: str) -> npt.NDArray[Any]:
        """Return a vector of numbers, empty if the field is omitted."""
        kind = np.dtype(dtype).newbyteorder("<")
        start, length = self._vector(index, kind.itemsize)
        return np.frombuffer(self._data[start : start + length * kind.itemsize], kind)

    def table(self, index: int) -> Table | None:
        """Return a table, None if the field is omitted."""
        position = self._field(index)
        if position is None:
            return None
        return Table(self._data, position + int(self._unpack("<I", position)), self._limit)

    def tables(self, index: int) -> list[Table]:
        """Return a vector of tables, empty if the field is omitted."""
        start, length = self._vector(index, 4)
        self._limit.count(length)
        positions = range(start, start + 4 * length, 4)
        return [
            Table(self._data, at + int(self._unpack("<I", at)), self._limit) for at in positions
        ]

    def _field(self, index: int) -> int | None:
        self._limit.count()
        slot = 4 + 2 * index
        if slot + 2 > self._size:
            return None
        offset = int(self._unpack("<H", self._fields + slot))
        return self._position + offset if offset else None

    def _vector(self, index: int, item_bytes: int) -> tuple[int, int]:
        position = self._field(index)
        if position is None:
            return 0, 0
        at = position + int(self._unpack("<I", position))
        length = int(self._unpack("<I", at))
        if length * item_bytes > len(self._data) - at - 4:
            raise DamagedError(f"a vector of {length} elements is longer than the rest of the file")
        return at + 4, length

    def _unpack(self, kind: str, position: int) -> Any:
        if not 0 <= position <= len(self._data) - struct.calcsize(kind):
            raise DamagedError("an offset points outside the file")
        return struct.unpack_from(kind, self._data, position)[0]
