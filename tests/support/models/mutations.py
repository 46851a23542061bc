"""Damages files at random or maliciously, for property tests."""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import strategies as st

#: Numbers that break trusting readers: zero, ends of ranges, sizes beyond any file.
NASTY = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


@st.composite
def mutated(draw: Any, raw: bytes, most: int = 8) -> bytes:
    """A file with a few bytes changed, removed, inserted or repeated."""
    data = bytearray(raw)
    for _ in range(draw(st.integers(1, most))):
        if not data:
            break
        at = draw(st.integers(0, len(data) - 1))
        kind = draw(st.sampled_from(["byte", "number", "bytes", "cut", "end", "insert", "repeat"]))
        if kind == "byte":
            data[at] = draw(st.integers(0, 255))
        elif kind == "number":
            data[at : at + 4] = struct.pack("<I", draw(st.sampled_from(NASTY)))
        elif kind == "bytes":
            data[at : at + 8] = draw(st.binary(min_size=8, max_size=8))
        elif kind == "cut":
            del data[at : at + draw(st.integers(1, 64))]
        elif kind == "end":
            del data[at:]
        elif kind == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=16))
        else:
            data[at:at] = data[at : at + draw(st.integers(1, 256))]
    return bytes(data)
