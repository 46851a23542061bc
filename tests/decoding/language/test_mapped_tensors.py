"""safetensors files: what is not one is refused, whatever its header promises."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamer.decoding.language.mapped_tensors import map_tensors

GOOD = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}


def written(path: Path, header: Any, body: bytes) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)
    return path


def test_tensors_are_read_and_metadata_is_not_one(tmp_path: Path) -> None:
    values = np.arange(6, dtype="<f4").reshape(2, 3)
    header = {"x": GOOD, "__metadata__": {"format": "pt"}}
    found = map_tensors(written(tmp_path / "a", header, values.tobytes()))
    assert list(found) == ["x"] and np.array_equal(found["x"], values)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({**GOOD, "shape": [-2, -3]}, "impossible size"),
        ({**GOOD, "data_offsets": [-24, 0]}, "impossible size"),
        ({**GOOD, "shape": [2.0, 3]}, "impossible size"),
        ({**GOOD, "shape": [True, 6]}, "impossible size"),
        ({**GOOD, "shape": [3, 3]}, "does not fit its shape"),
        ({**GOOD, "data_offsets": [4, 28]}, "does not fit its shape"),
        ({**GOOD, "dtype": "F64"}, "header is invalid"),
        ({"dtype": "F32"}, "header is invalid"),
        ([], "header is invalid"),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path: Path, entry: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        map_tensors(written(tmp_path / "a", {"x": entry}, bytes(24)))


def test_a_file_that_ends_in_its_first_number_is_truncated(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(7))
    with pytest.raises(ValueError, match="truncated"):
        map_tensors(tmp_path / "a")


@pytest.mark.parametrize("length", [100, 1 << 62])
def test_a_header_beyond_the_end_is_refused(tmp_path: Path, length: int) -> None:
    (tmp_path / "a").write_bytes(struct.pack("<Q", length) + b"{}")
    with pytest.raises(ValueError, match="too long"):
        map_tensors(tmp_path / "a")
