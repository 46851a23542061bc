"""Builds TensorFlow graphs of DeepSpeech networks without TensorFlow."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Callable

import numpy as np

from streamer.acoustic.weights import Weights
from streamer.untrusted.damage import FieldLimit
from streamer.untrusted.protobuf import as_bytes, as_text, fields

CELL = "cudnn_lstm/rnn/multi_rnn_cell/cell_0/cudnn_compatible_lstm_cell"
_TYPES = {np.dtype(np.float32): 1, np.dtype(np.int32): 3, np.dtype(np.int64): 9}


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def put(field: int, value: Any) -> bytes:
    """One field: ints as varints, floats as fixed 32 bits, the rest as bytes."""
    if isinstance(value, float):
        return varint(field << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return varint(field << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else bytes(value)
    return varint(field << 3 | 2) + varint(len(raw)) + raw


def shape_message(shape: tuple[int, ...]) -> bytes:
    return b"".join(put(2, put(1, size)) for size in shape)


def tensor_message(value: Any) -> bytes:
    if isinstance(value, bytes):
        return put(1, 7) + put(2, shape_message((1,))) + put(8, value)
    array = np.asarray(value)
    return (
        put(1, _TYPES[array.dtype])
        + put(2, shape_message(array.shape))
        + put(4, np.ascontiguousarray(array).tobytes())
    )


def node(name: str, op: str, inputs: list[str], **attributes: bytes) -> bytes:
    """One field of a GraphDef; attributes are encoded AttrValue messages."""
    parts = [put(1, name), put(2, op), *(put(3, i) for i in inputs)]
    parts += [put(5, put(1, key) + put(2, value)) for key, value in attributes.items()]
    return put(1, b"".join(parts))


def constant(name: str, value: Any) -> bytes:
    return node(name, "Const", [], value=put(8, tensor_message(value)))


def alphabet_bytes(labels: list[str]) -> bytes:
    out = struct.pack("<H", len(labels))
    for index, label in enumerate(labels):
        raw = label.encode()
        out += struct.pack("<HH", index, len(raw)) + raw
    return out


def tensorflow_names(weights: Weights) -> dict[str, Any]:
    return {
        (f"{CELL}/{name[5:]}" if name.startswith("lstm/") else name): array
        for name, array in weights.layers.items()
    }


def graph_bytes(
    weights: Weights,
    steps: int = 16,
    skip: tuple[str, ...] = (),
    lstm: Mapping[str, bytes] | None = None,
    regions: dict[str, Any] | None = None,
) -> bytes:
    """A GraphDef with the parts of DeepSpeech's graph that a reader uses.

    Args:
        weights: the network.
        steps: steps of ``input_node``; -1 for a dynamic graph.
        skip: names of nodes to omit.
        lstm: attributes of the BlockLSTM instead of the usual ones.
        regions: if given, weights become ``ImmutableConst`` and their arrays are put here.
    """
    width = 2 * weights.n_context + 1
    forget = {
        "forget_bias": put(4, float(weights.forget_bias)),
        "cell_clip": put(4, -1.0),
        "use_peephole": put(5, 0),
    }
    out = {
        "input_node": node(
            "input_node",
            "Placeholder",
            [],
            dtype=put(6, 1),
            shape=put(7, shape_message((1, steps, width, weights.n_input))),
        ),
        "AudioSpectrogram": node(
            "AudioSpectrogram",
            "AudioSpectrogram",
            [],
            window_size=put(3, 512),
            stride=put(3, 320),
        ),
        "Mfcc": node(
            "Mfcc",
            "Mfcc",
            ["AudioSpectrogram"],
            dct_coefficient_count=put(3, weights.n_input),
            filterbank_channel_count=put(3, 40),
            lower_frequency_limit=put(4, 20.0),
            upper_frequency_limit=put(4, 8000.0),
        ),
        "Minimum/y": constant("Minimum/y", np.float32(weights.relu_clip)),
        "Minimum": node("Minimum", "Minimum", ["Relu", "Minimum/y"]),
        "BlockLSTM": node(f"{CELL}/BlockLSTM", "BlockLSTM", [], **(lstm or forget)),
    }
    for name, array in tensorflow_names(weights).items():
        if regions is None:
            out[name] = constant(name, array)
        else:
            region = "memmapped_package://" + name.replace("/", "_")
            regions[region] = array
            out[name] = node(
                name,
                "ImmutableConst",
                [],
                dtype=put(6, 1),
                shape=put(7, shape_message(array.shape)),
                memory_region_name=put(2, region),
            )
    metadata = {
        "version": np.array([6], np.int32),
        "sample_rate": np.array([16000], np.int32),
        "feature_win_len": np.array([32], np.int32),
        "feature_win_step": np.array([20], np.int32),
        "beam_width": np.array([500], np.int32),
        "alphabet": alphabet_bytes(list(weights.description.get("alphabet", ()))),
        "language": str(weights.description.get("language", "en")).encode(),
    }
    for name, value in metadata.items():
        out[f"metadata_{name}"] = constant(f"metadata_{name}", value)
    return b"".join(raw for name, raw in out.items() if name not in skip)


def package_bytes(graph: bytes, regions: Mapping[str, Any], lengths: bool = True) -> bytes:
    """A memory-mapped package: the regions, the directory, its offset."""
    out = bytearray()
    elements = b""
    parts = {**regions, "memmapped_package://.": graph}
    for name, part in parts.items():
        out += b"\0" * (-len(out) % 64)
        raw = part if isinstance(part, bytes) else np.ascontiguousarray(part).tobytes()
        element = put(1, len(out)) + put(2, name) + (put(3, len(raw)) if lengths else b"")
        elements += put(1, element)
        out += raw
    position = len(out)
    return bytes(out) + elements + struct.pack("<Q", position)


def memory_mapped(weights: Weights, lengths: bool = True) -> bytes:
    """The same graph as a ``.pbmm`` file."""
    regions: dict[str, Any] = {}
    graph = graph_bytes(weights, regions=regions)
    return package_bytes(graph, regions, lengths)


def rewrite_constants(
    raw: bytes,
    change: Callable[[str, Any], Any],
    size: Callable[[int], int] = lambda size: size,
) -> bytes:
    """Replace values of a graph's constants and sizes of its shapes.

    Args:
        raw: a GraphDef.
        change: returns the new array for a constant's name and array.
        size: returns the new size for a size in a placeholder's shape.
    """
    from streamer.convert.readers.graph import Graph, Node

    limit = FieldLimit(10_000_000)
    out = []
    for number, _, value in fields(memoryview(raw), limit):
        data = as_bytes(value) if not isinstance(value, int) else value
        if number != 1:
            out.append(put(number, data))
            continue
        parts: list[tuple[int, Any]] = [(n, v) for n, _, v in fields(as_bytes(value), limit)]
        name = next(as_text(v) for n, v in parts if n == 1)
        op = next(as_text(v) for n, v in parts if n == 2)
        rebuilt = b""
        for n, v in parts:
            if n != 5:
                rebuilt += put(n, v)
                continue
            entry = {i: w for i, _, w in fields(as_bytes(v), limit)}
            key, attribute = as_text(entry[1]), as_bytes(entry[2])
            graph = Graph({}, {}, limit)
            if op == "Const" and key == "value":
                array = graph.constant(Node(name, op, (), {"value": attribute}))
                if array.dtype != object:
                    new = change(name, array)
                    if new is not array:
                        attribute = memoryview(put(8, tensor_message(new)))
            elif op == "Placeholder" and key == "shape":
                shape = graph.shape(Node(name, op, (), {"shape": attribute}))
                attribute = memoryview(put(7, shape_message(tuple(map(size, shape or ())))))
            rebuilt += put(5, put(1, key) + put(2, attribute))
        out.append(put(1, rebuilt))
    return b"".join(out)


def resized_graph(raw: bytes, n_hidden: int, seed: int = 0) -> bytes:
    """A DeepSpeech graph of 64 units, resized with random weights."""
    random = np.random.default_rng(seed)

    def size(old: int) -> int:
        return {64: n_hidden, 128: 2 * n_hidden, 256: 4 * n_hidden}.get(old, old)

    def change(name: str, array: Any) -> Any:
        if array.dtype == np.int32:
            new = np.where(array == 64, n_hidden, array).astype(np.int32)
            return array if (new == array).all() else new
        shape = tuple(map(size, array.shape))
        if shape == array.shape:
            return array
        if array.ndim == 1:
            return np.resize(array, shape).astype(np.float32)
        values = random.standard_normal(shape, np.float32)
        return values * np.float32(1.2 / np.sqrt(shape[0]))

    return rewrite_constants(raw, change, size)


def packaged_graph(raw: bytes, at_least: int = 1024) -> bytes:
    """A ``.pbmm`` as TensorFlow's tool writes it: large constants are separate regions."""
    from streamer.convert.readers.graph import Graph, Node

    limit = FieldLimit(10_000_000)
    regions: dict[str, Any] = {}
    out = []
    for number, _, value in fields(memoryview(raw), limit):
        if number != 1:
            out.append(put(number, value))
            continue
        parts = [(n, v) for n, _, v in fields(as_bytes(value), limit)]
        name = next(as_text(v) for n, v in parts if n == 1)
        op = next(as_text(v) for n, v in parts if n == 2)
        if op == "Const" and len(as_bytes(value)) >= at_least:
            entries = [{i: w for i, _, w in fields(as_bytes(v), limit)} for n, v in parts if n == 5]
            attributes = {as_text(entry[1]): as_bytes(entry[2]) for entry in entries}
            array = Graph({}, {}, limit).constant(Node(name, op, (), attributes))
            region = "memmapped_package://" + "".join(c if c.isalnum() else "_" for c in name)
            regions[region] = array
            out.append(
                node(
                    name,
                    "ImmutableConst",
                    [],
                    dtype=put(6, _TYPES[array.dtype]),
                    shape=put(7, shape_message(array.shape)),
                    memory_region_name=put(2, region),
                )
            )
        else:
            out.append(put(1, as_bytes(value)))
    return package_bytes(b"".join(out), regions)
