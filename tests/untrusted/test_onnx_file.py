"""The reader of ONNX files: what it finds, and damage that it names."""

from __future__ import annotations

import numpy as np
import pytest

from streamer.untrusted.damage import DamagedError
from streamer.untrusted.onnx_file import OnnxFile, read_onnx_file
from tests.support.models.graphs import put


def read(data: bytes) -> OnnxFile:
    return read_onnx_file(memoryview(data))


def graph(*parts: bytes) -> OnnxFile:
    return read(put(7, b"".join(parts)))


def constant(*parts: bytes) -> OnnxFile:
    return graph(put(5, b"".join([*parts, put(8, "w")])))


def axes(*parts: bytes) -> bytes:
    """The type of an input: a tensor of floats with these axes."""
    shape = b"".join(put(1, part) for part in parts)
    return put(2, put(1, put(1, 1) + put(2, shape)))


def test_an_axis_has_a_length_a_name_or_neither() -> None:
    (value,) = graph(put(11, put(1, "x") + axes(put(1, 7), put(2, "batch"), b""))).inputs
    assert (value.name, value.kind, value.shape) == ("x", 1, (7, "batch", -1))


def test_fields_that_no_reader_needs_are_passed_over() -> None:
    later = put(90, b"from a later version")
    tensor = put(1, put(1, 1) + later + put(2, put(1, put(1, 7) + later) + later))
    (value,) = graph(put(11, put(1, "x") + put(2, tensor + later) + later), later).inputs
    assert value.shape == (7,)
    assert read(put(8, put(1, "com.microsoft") + put(2, 1) + put(90, 1))).opsets == {
        "com.microsoft": 1
    }


def test_metadata_needs_a_key_and_a_value() -> None:
    entries = [put(1, "key") + put(2, "value"), put(1, "alone"), put(2, "unnamed")]
    assert read(b"".join(put(14, entry) for entry in entries)).metadata == {"key": "value"}


def test_constants_that_are_stored_sparsely_are_told() -> None:
    assert graph(put(15, b"")).has_sparse and not graph().has_sparse


def test_a_shape_may_be_stored_as_numbers_or_as_bytes() -> None:
    numbers = constant(put(1, 3), put(2, 7), *(put(7, size) for size in (2, -1, 5)))
    raw = constant(put(1, 3), put(2, 7), put(9, np.array([2, -1, 5], "<i8").tobytes()))
    assert numbers.constants["w"].small == raw.constants["w"].small == (2, -1, 5)


def test_a_long_list_of_numbers_is_not_read() -> None:
    # Nobody reshapes to a hundred axes; a hundred million would fill the memory.
    packed = constant(put(1, 200), put(2, 7), put(7, bytes(200)))
    assert packed.constants["w"].small == ()
    raw = constant(put(1, 200), put(2, 7), put(9, bytes(1600)))
    assert raw.constants["w"].small == ()


def test_values_in_another_file_are_named_only_with_a_place() -> None:
    place = put(13, put(1, "location") + put(2, "a.data"))
    length = put(13, put(1, "length") + put(2, "24"))
    found = constant(put(1, 6), length, place, put(14, 1)).constants["w"]
    assert (found.location, found.data) == ("a.data", None)
    assert constant(put(1, 6), put(14, 1)).constants["w"].location == ""


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([put(1, bytes(129))], "a list of sizes is too long"),
        ([put(1, 1)] * 17, "an impossible shape"),
        ([put(1, -1)], "an impossible shape"),
        ([put(1, 3), put(2, 1), put(9, bytes(11))], "not as large as its shape"),
        ([put(1, 3), put(2, 1), put(4, bytes(2))], "not as large as its shape"),
        ([put(2, b"a message")], "a message was found in place of a number"),
        ([put(9, 7)], "a number was found in place of a message"),
    ],
)
def test_a_damaged_constant_is_named(parts: list[bytes], message: str) -> None:
    with pytest.raises(DamagedError, match=message):
        constant(*parts)


def test_an_input_of_too_many_axes_is_refused() -> None:
    with pytest.raises(DamagedError, match="x has an impossible shape"):
        graph(put(11, put(1, "x") + axes(*[put(1, 1)] * 17)))
