"""Readers: the same weights from every format, and a one-line error for damaged files."""

from __future__ import annotations

import struct
import sys
import time
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamer.acoustic.weights import Weights
from streamer.convert.readers import read_network
from streamer.convert.readers.metadata import describe, read_alphabet
from streamer.convert.writers.onnx import write_onnx, write_onnx_int8
from streamer.convert.writers.safetensors import write_safetensors
from streamer.errors import ConversionError
from streamer.untrusted.damage import DamagedError, FieldLimit
from streamer.untrusted.protobuf import fields, read_varint
from tests.conftest import SHARED, needs_shared
from tests.support.models.bundles import LABELS, random_weights
from tests.support.models.graphs import (
    CELL,
    alphabet_bytes,
    constant,
    graph_bytes,
    memory_mapped,
    node,
    package_bytes,
    packaged_graph,
    put,
    shape_message,
)
from tests.support.models.lite import lite_bytes
from tests.support.models.mutations import mutated

REFERENCE = SHARED / "reference"


def small() -> Weights:
    return random_weights(8, description={"forget_bias": 0.5, "relu_clip": 7.0})


WRITERS: dict[str, Callable[[Weights, Path], Any]] = {
    ".pb": lambda w, path: path.write_bytes(graph_bytes(w)),
    ".pbmm": lambda w, path: path.write_bytes(memory_mapped(w)),
    ".old.pbmm": lambda w, path: path.write_bytes(memory_mapped(w, lengths=False)),
    ".onnx": write_onnx,
    ".safetensors": write_safetensors,
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_what_was_written_is_read_back(tmp_path: Path, suffix: str) -> None:
    weights, path = small(), tmp_path / f"model{suffix}"
    WRITERS[suffix](weights, path)
    again = read_network(path)
    for name, array in weights.layers.items():
        np.testing.assert_allclose(again.layers[name], array, rtol=0, atol=1e-7)
    for key in ("n_input", "n_context", "relu_clip", "forget_bias", "alphabet", "language"):
        assert again.description[key] == weights.description[key]


@pytest.mark.parametrize("kind", ["int8", "float16", "float32", "channels"])
def test_lite_files_are_dequantised(tmp_path: Path, kind: str) -> None:
    weights, path = random_weights(8), tmp_path / "model.tflite"
    raw, expected = lite_bytes(weights, kind)
    path.write_bytes(raw)
    again = read_network(path)
    for name, array in expected.items():
        np.testing.assert_array_equal(again.layers[name], array)
        limit = 0.03 * np.abs(weights.layers[name]).max() if kind != "float32" else 0
        np.testing.assert_allclose(array, weights.layers[name], atol=limit)
    assert again.description["alphabet"] == list(LABELS)
    assert again.description["n_steps"] == 4


@pytest.mark.parametrize("suffix", [".pb", ".pbmm", ".safetensors"])
def test_the_content_decides_not_the_ending(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "model.bin"
    WRITERS[suffix](small(), path)
    assert read_network(path).n_hidden == 8


def test_a_dynamic_graph_has_no_number_of_steps(tmp_path: Path) -> None:
    for steps, expected in ((-1, None), (4, 4)):
        (tmp_path / "a.pb").write_bytes(graph_bytes(small(), steps))
        assert read_network(tmp_path / "a.pb").description.get("n_steps") == expected


def test_geometry_is_read_and_not_assumed(tmp_path: Path) -> None:
    weights = random_weights(
        5, n_labels=4, n_input=13, n_context=2, description={"alphabet": "abc"}
    )
    (tmp_path / "a.pb").write_bytes(graph_bytes(weights, 3))
    again = read_network(tmp_path / "a.pb")
    assert (again.n_hidden, again.n_labels, again.n_input, again.n_context) == (5, 4, 13, 2)
    assert again.description["front_end"]["n_coefficients"] == 13


@needs_shared
@pytest.mark.parametrize("kind", ["static", "dynamic", "packaged"])
def test_the_original_graphs_hold_the_reference_weights(tmp_path: Path, kind: str) -> None:
    path = REFERENCE / f"ds_v0.9.3_n64_{kind}.pb"
    if kind == "packaged":
        path = tmp_path / "a.pbmm"
        path.write_bytes(packaged_graph((REFERENCE / "ds_v0.9.3_n64_static.pb").read_bytes()))
    weights = read_network(path)
    expected = np.load(REFERENCE / "ds_v0.9.3_n64_weights.npz")
    for name, array in weights.layers.items():
        original = name.replace("lstm/", f"{CELL}/") if name.startswith("lstm") else name
        np.testing.assert_array_equal(array, expected[original])
    description = weights.description
    assert description["alphabet"] == list(LABELS)
    assert (description["relu_clip"], description["forget_bias"]) == (20.0, 0.0)
    assert description.get("n_steps") == (None if kind == "dynamic" else 16)
    assert (description["beam_width"], description["graph_version"]) == (500, 6)
    assert description["front_end"]["n_filters"] == 40


@needs_shared
def test_the_original_lite_file_holds_the_reference_weights_in_8_bits() -> None:
    weights = read_network(REFERENCE / "ds_v0.9.3_n64.tflite")
    expected = np.load(REFERENCE / "ds_v0.9.3_n64_weights.npz")
    for name, array in weights.layers.items():
        original = expected[name.replace("lstm/", f"{CELL}/") if "lstm" in name else name]
        # Half a step of the quantisation, which divides the largest weight by 127.
        np.testing.assert_allclose(array, original, atol=np.abs(original).max() / 254 * 1.001)
        if "bias" in name:
            np.testing.assert_array_equal(array, original)
    assert weights.description["alphabet"] == list(LABELS)
    assert weights.description["n_steps"] == 16


def refused(path: Path) -> str:
    """The error, after checking that it is one line, came at once and needed no memory."""
    before, started = peak_bytes(), time.monotonic()
    with pytest.raises(ConversionError) as caught:
        read_network(path)
    # Guards against hangs; it takes milliseconds.
    assert time.monotonic() - started < 30
    assert peak_bytes() - before < 200e6
    message = str(caught.value)
    assert "\n" not in message and " - " in message and len(message) < 500
    return message


def peak_bytes() -> float:
    if sys.platform == "win32":
        return 0.0  # not available on Windows
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def huge_length(field: int = 1) -> bytes:
    return bytes([field << 3 | 2]) + b"\xff\xff\xff\xff\xff\xff\xff\x7f"


def graph_with(name: str, replacement: bytes) -> bytes:
    return graph_bytes(small(), skip=(name,)) + replacement


def tensor_of(shape: tuple[int, ...], *values: bytes) -> bytes:
    message = put(1, 1) + put(2, shape_message(shape)) + b"".join(values)
    return node("layer_1/bias", "Const", [], value=put(8, message))


LSTM = {"forget_bias": put(4, 0.0), "cell_clip": put(4, -1.0), "use_peephole": put(5, 0)}

HOSTILE: dict[str, Callable[[], bytes]] = {
    "empty.pb": lambda: b"",
    "text.pb": lambda: b"this is not a graph\n" * 50,
    "page.pbmm": lambda: b"<!DOCTYPE html><html><body>404</body></html>",
    "zeros.pb": lambda: bytes(4096),
    "huge length.pb": lambda: huge_length() + b"abc",
    "endless number.pb": lambda: b"\x0a" + b"\xff" * 100,
    "group.pb": lambda: b"\x0b\x0c",
    "many fields.pb": lambda: b"\x08\x01" * 2_000_000,
    "many nodes.pb": lambda: put(1, put(1, "a") + put(2, "b")) * 300_000,
    "node without a name.pb": lambda: put(1, put(2, "Const")),
    "nodes only.pb": lambda: node("a", "NoOp", []),
    "huge tensor.pb": lambda: graph_with("layer_1/bias", tensor_of((1 << 30, 1 << 30))),
    "filled tensor.pb": lambda: graph_with("layer_1/bias", tensor_of((1 << 31,), varfloat(1.0))),
    "negative tensor.pb": lambda: graph_with("layer_1/bias", tensor_of((-5,))),
    "deep tensor.pb": lambda: graph_with("layer_1/bias", tensor_of((1,) * 100)),
    "tensor of another type.pb": lambda: graph_with(
        "layer_1/bias", constant("layer_1/bias", np.zeros(8, np.int32))
    ),
    "cut tensor.pb": lambda: graph_with("layer_1/bias", tensor_of((8,), put(4, bytes(31)))),
    "no alphabet's end.pb": lambda: graph_with(
        "metadata_alphabet", constant("metadata_alphabet", b"\xff\xff\x00")
    ),
    "rate zero.pb": lambda: graph_with(
        "metadata_sample_rate", constant("metadata_sample_rate", np.array([0], np.int32))
    ),
    "huge filters.pb": lambda: graph_with(
        "Mfcc", node("Mfcc", "Mfcc", [], filterbank_channel_count=put(3, 60_000))
    ),
    "huge window.pb": lambda: graph_with(
        "AudioSpectrogram", node("A", "AudioSpectrogram", [], window_size=put(3, 65_536))
    ),
    "peepholes.pb": lambda: graph_bytes(small(), lstm={**LSTM, "use_peephole": put(5, 1)}),
    "clipped cell.pb": lambda: graph_bytes(small(), lstm={**LSTM, "cell_clip": put(4, 3.0)}),
    "default clip.pb": lambda: graph_bytes(small(), lstm={"forget_bias": put(4, 0.0)}),
    "no input.pb": lambda: graph_bytes(small(), skip=("input_node",)),
    "no lstm.pb": lambda: graph_bytes(small(), skip=("BlockLSTM",)),
    "no kernel.pb": lambda: graph_bytes(small(), skip=(f"{CELL}/kernel",)),
    "no layer.pb": lambda: graph_bytes(small(), skip=("layer_3/weights",)),
    "layer norm.pb": lambda: (
        graph_bytes(small()) + constant("layer_1/layer_norm/gamma", np.ones(8, np.float32))
    ),
    "directory elsewhere.pbmm": lambda: memory_mapped(small())[:-8] + struct.pack("<Q", 9),
    "directory at the end.pbmm": lambda: memory_mapped(small())[:-8] + b"\xff" * 8,
    "part outside.pbmm": lambda: package_with_region(1 << 40, 32),
    "part too long.pbmm": lambda: package_with_region(0, 1 << 60),
    "part missing.pbmm": lambda: package_bytes(graph_bytes(small(), regions={}), {}),
    "short.tflite": lambda: b"\0\0\0\0TFL3",
    "wrong letters.tflite": lambda: lite_bytes(random_weights(8))[0].replace(b"TFL3", b"TFLX"),
    "offset outside.tflite": lambda: struct.pack("<I", 1 << 31) + b"TFL3" + bytes(64),
    "offset of itself.tflite": lambda: struct.pack("<I", 8) + b"TFL3" + bytes(64),
    "ones.tflite": lambda: struct.pack("<I", 16) + b"TFL3" + b"\xff" * 4096,
    "text.safetensors": lambda: b"hello",
    "huge header.safetensors": lambda: struct.pack("<Q", 1 << 62) + b"{}",
    "text.onnx": lambda: b"hello",
    "huge.onnx": lambda: huge_length(7) + b"abc",
    "nothing.onnx": lambda: b"\x08\x07",
}


def varfloat(value: float) -> bytes:
    return put(5, value)


def package_with_region(offset: int, length: int) -> bytes:
    regions: dict[str, Any] = {}
    graph = graph_bytes(small(), regions=regions)
    raw = bytearray(package_bytes(graph, regions)[:-8])
    position = len(raw)
    elements = put(1, put(1, offset) + put(2, next(iter(regions))) + put(3, length))
    elements += put(1, put(1, 0) + put(2, "memmapped_package://.") + put(3, 8))
    return bytes(raw) + elements + struct.pack("<Q", position)


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_one_line_at_once(tmp_path: Path, case: str) -> None:
    path = tmp_path / case.replace(" ", "-")
    path.write_bytes(HOSTILE[case]())
    refused(path)


@pytest.mark.parametrize("name", ["missing.pb", "a.mlpackage", ".", ""])
def test_what_cannot_be_a_network_is_one_line(tmp_path: Path, name: str) -> None:
    refused(tmp_path / name)


def test_an_8_bit_onnx_file_says_that_it_is_no_source(tmp_path: Path) -> None:
    write_onnx_int8(small(), tmp_path / "a.onnx")
    assert "8-bit" in refused(tmp_path / "a.onnx")


def test_an_onnx_file_from_elsewhere_is_refused(tmp_path: Path) -> None:
    import onnx

    write_onnx(small(), tmp_path / "a.onnx")
    model = onnx.load(str(tmp_path / "a.onnx"))
    del model.metadata_props[:]
    onnx.save(model, str(tmp_path / "b.onnx"))
    assert "was not written by streamer" in refused(tmp_path / "b.onnx")


def test_an_onnx_file_does_not_reach_for_others(tmp_path: Path) -> None:
    import onnx

    write_onnx(small(), tmp_path / "a.onnx")
    model = onnx.load(str(tmp_path / "a.onnx"))
    tensor = next(t for t in model.graph.initializer if t.name == "layer_1/bias")
    onnx.external_data_helper.set_external_data(tensor, location="../secret", length=32)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    (tmp_path / "b.onnx").write_bytes(model.SerializeToString())
    refused(tmp_path / "b.onnx")


BASES = {
    "a.pb": lambda: graph_bytes(random_weights(2)),
    "a.pbmm": lambda: memory_mapped(random_weights(2)),
    "a.tflite": lambda: lite_bytes(random_weights(2))[0],
}


@pytest.mark.parametrize("name", BASES)
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_mutated_file_is_read_or_refused(tmp_path: Path, name: str, data: Any) -> None:
    """Neither a crash nor another exception; see also tests/fuzz."""
    path = tmp_path / name
    path.write_bytes(data.draw(mutated(BASES[name]())))
    try:
        weights = read_network(path)
    except ConversionError as error:
        assert "\n" not in str(error)
    else:
        assert weights.n_hidden >= 1


@pytest.mark.parametrize("name", BASES)
def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path, name: str) -> None:
    raw = BASES[name]()
    path = tmp_path / name
    for length in np.linspace(0, len(raw) - 1, 40).astype(int):
        path.write_bytes(raw[: int(length)])
        # Even a plain graph cut between two nodes lacks a node.
        refused(path)


@settings(max_examples=50, deadline=None)
@given(number=st.integers(0, (1 << 64) - 1))
def test_numbers_of_the_wire_are_read_as_written(number: int) -> None:
    from tests.support.models.graphs import varint

    raw = memoryview(varint(number) + b"rest")
    assert read_varint(raw, 0) == (number, len(raw) - 4)


@settings(max_examples=50, deadline=None)
@given(raw=st.binary(max_size=200))
def test_any_bytes_are_fields_or_damaged(raw: bytes) -> None:
    try:
        for number, wire_type, value in fields(memoryview(raw), FieldLimit(1000)):
            assert number > 0 and wire_type in (0, 1, 2, 5)
            assert isinstance(value, int) or len(value) <= len(raw)
    except DamagedError:
        pass


@settings(max_examples=50, deadline=None)
@given(labels=st.lists(st.text(min_size=1, max_size=3), max_size=40, unique=True))
def test_alphabets_in_graphs_are_read_as_written(labels: Any) -> None:
    assert read_alphabet(alphabet_bytes(labels)) == labels


@settings(max_examples=50, deadline=None)
@given(raw=st.binary(max_size=60))
def test_any_bytes_are_an_alphabet_or_damaged(raw: bytes) -> None:
    try:
        labels = read_alphabet(raw)
    except DamagedError:
        return
    assert all(isinstance(label, str) for label in labels)


def test_features_of_an_impossible_size_are_damaged_before_they_are_made() -> None:
    for filters in ({"n_filters": 10**6}, {"n_coefficients": 10**6}, {"window_samples": 10**6}):
        with pytest.raises(DamagedError):
            describe({}, filters)
