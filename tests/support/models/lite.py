"""Builds TensorFlow Lite files of DeepSpeech networks without TensorFlow."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from flatbuffers import Builder

from streamer.acoustic.weights import Weights
from tests.support.models.graphs import alphabet_bytes

FLOAT32, FLOAT16, INT32, STRING, INT8 = 0, 1, 2, 5, 9
CODES = {
    "FULLY_CONNECTED": 9,
    "MINIMUM": 57,
    "SPLIT": 49,
    "LOGISTIC": 14,
    "TANH": 28,
    "DEQUANTIZE": 6,
}


def numbers(builder: Builder, values: Any, dtype: str) -> int:
    return int(builder.CreateNumpyVector(np.asarray(values, dtype)))


def offsets(builder: Builder, values: list[int]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependUOffsetTRelative(value)
    return int(builder.EndVector())


class LiteFile:
    """Collects tensors and operations, then writes them."""

    def __init__(self) -> None:
        self.builder = Builder(1024)
        self.buffers: list[bytes] = [b""]
        self.tensors: list[tuple[str, tuple[int, ...], int, int, Any]] = []
        self.operations: list[tuple[str, list[int], list[int], int]] = []

    def tensor(
        self,
        name: str,
        shape: tuple[int, ...],
        kind: int = FLOAT32,
        data: bytes | None = None,
        scales: Any = None,
    ) -> int:
        buffer = 0
        if data is not None:
            buffer = len(self.buffers)
            self.buffers.append(data)
        self.tensors.append((name, shape, kind, buffer, scales))
        return len(self.tensors) - 1

    def array(self, name: str, values: Any) -> int:
        kind = INT32 if values.dtype == np.int32 else FLOAT32
        return self.tensor(name, values.shape, kind, values.tobytes())

    def run(self, op: str, inputs: list[int], outputs: list[int], activation: int = 0) -> None:
        self.operations.append((op, inputs, outputs, activation))

    def finish(self, inputs: list[int], outputs: list[int]) -> bytes:
        b = self.builder
        codes = list(CODES)
        code_tables = []
        for op in codes:
            b.StartObject(4)
            b.PrependInt8Slot(0, CODES[op], 0)
            b.PrependInt32Slot(3, CODES[op], 0)
            code_tables.append(b.EndObject())
        buffer_tables = []
        for data in self.buffers:
            vector = b.CreateByteVector(data) if data else None
            b.StartObject(1)
            if vector is not None:
                b.PrependUOffsetTRelativeSlot(0, vector, 0)
            buffer_tables.append(b.EndObject())
        tensor_tables = [self._tensor_table(*tensor) for tensor in self.tensors]
        operation_tables = [self._operation_table(codes, *op) for op in self.operations]
        parts = [
            offsets(b, tensor_tables),
            numbers(b, inputs, "i4"),
            numbers(b, outputs, "i4"),
            offsets(b, operation_tables),
        ]
        b.StartObject(5)
        for slot, part in enumerate(parts):
            b.PrependUOffsetTRelativeSlot(slot, part, 0)
        graphs = offsets(b, [b.EndObject()])
        code_vector, buffer_vector = offsets(b, code_tables), offsets(b, buffer_tables)
        b.StartObject(5)
        b.PrependInt32Slot(0, 3, 0)
        b.PrependUOffsetTRelativeSlot(1, code_vector, 0)
        b.PrependUOffsetTRelativeSlot(2, graphs, 0)
        b.PrependUOffsetTRelativeSlot(4, buffer_vector, 0)
        b.Finish(b.EndObject(), file_identifier=b"TFL3")
        return bytes(b.Output())

    def _tensor_table(
        self, name: str, shape: tuple[int, ...], kind: int, buffer: int, scales: Any
    ) -> int:
        b = self.builder
        quantisation = None
        if scales is not None:
            factors = numbers(b, scales, "f4")
            zeros = numbers(b, np.zeros(len(scales)), "i8")
            b.StartObject(7)
            b.PrependUOffsetTRelativeSlot(2, factors, 0)
            b.PrependUOffsetTRelativeSlot(3, zeros, 0)
            quantisation = b.EndObject()
        text, sizes = b.CreateString(name), numbers(b, shape, "i4")
        b.StartObject(5)
        b.PrependUOffsetTRelativeSlot(0, sizes, 0)
        b.PrependInt8Slot(1, kind, 0)
        b.PrependUint32Slot(2, buffer, 0)
        b.PrependUOffsetTRelativeSlot(3, text, 0)
        if quantisation is not None:
            b.PrependUOffsetTRelativeSlot(4, quantisation, 0)
        return int(b.EndObject())

    def _operation_table(
        self, codes: list[str], op: str, inputs: list[int], outputs: list[int], activation: int
    ) -> int:
        b = self.builder
        b.StartObject(1)
        b.PrependInt8Slot(0, activation, 0)
        options = b.EndObject()
        vectors = numbers(b, inputs, "i4"), numbers(b, outputs, "i4")
        b.StartObject(6)
        b.PrependUint32Slot(0, codes.index(op), 0)
        b.PrependUOffsetTRelativeSlot(1, vectors[0], 0)
        b.PrependUOffsetTRelativeSlot(2, vectors[1], 0)
        b.PrependUOffsetTRelativeSlot(4, options, 0)
        return int(b.EndObject())


def lite_bytes(
    weights: Weights, kind: str = "int8", steps: int = 4
) -> tuple[bytes, dict[str, Any]]:
    """A TensorFlow Lite file with the parts of DeepSpeech's export that a reader uses.

    Args:
        weights: what to put in.
        kind: how the matrices are stored: ``int8``, ``channels`` (int8, a scale for each
            output), ``float16`` or ``float32``.
        steps: steps of ``input_node``.

    Returns:
        The file, and the layers that a reader should find in it.
    """
    file, expected = LiteFile(), {}
    width = 2 * weights.n_context + 1
    x = file.tensor("input_node", (1, steps, width, weights.n_input))
    # The converter stores all constants of a float16 file as float16: bounds and biases as well.
    bound, _ = _constant(file, "Minimum/y", np.array(weights.relu_clip, np.float32), kind)
    source = x
    for layer in ("layer_1", "layer_2", "layer_3", "lstm", "layer_5", "layer_6"):
        name = f"{layer}/{'kernel' if layer == 'lstm' else 'weights'}"
        matrix, expected[name] = _matrix(file, name, weights.layers[name], kind)
        bias = weights.layers[f"{layer}/bias"]
        offset, expected[f"{layer}/bias"] = _constant(file, f"{layer}_bias", bias, kind)
        out = file.tensor(f"{layer}_out", (1, len(bias)))
        hidden = layer in ("layer_1", "layer_2", "layer_3", "layer_5")
        file.run("FULLY_CONNECTED", [source, matrix, offset], [out], int(hidden))
        source = out
        if hidden:
            source = file.tensor(f"{layer}_clipped", (1, len(bias)))
            file.run("MINIMUM", [out, bound], [source])
        elif layer == "lstm":
            n = weights.n_hidden
            gates = [file.tensor(f"gate_{k}", (1, n)) for k in range(4)]
            file.run("SPLIT", [out], gates)
            for gate, op in zip(gates, ("LOGISTIC", "TANH", "LOGISTIC", "LOGISTIC")):
                source = file.tensor(f"{op}_{gate}", (1, n))
                file.run(op, [gate], [source])
            # The second step of the unrolled LSTM uses the same matrix.
            file.run("FULLY_CONNECTED", [source, matrix, offset], [out])
    for name, value in (("version", 6), ("sample_rate", 16000), ("beam_width", 500)):
        file.array(f"metadata_{name}_copy", np.array([value], np.int32))
        file.array(f"metadata_{name}_copy_shape", np.array([1], np.int32))
    for name, raw in (
        ("alphabet", alphabet_bytes(list(weights.description.get("alphabet", ())))),
        ("language", b"en"),
    ):
        data = struct.pack("<iii", 1, 12, 12 + len(raw)) + raw
        file.tensor(f"metadata_{name}_copy", (1,), STRING, data)
    return file.finish([x], [source]), expected


def _constant(file: LiteFile, name: str, values: Any, kind: str) -> tuple[int, Any]:
    """Add a constant that is not a matrix; return its tensor and what a reader should find."""
    if kind != "float16":
        return file.array(name, values), values
    half = values.astype(np.float16)
    stored = file.tensor(f"{name}_half", half.shape, FLOAT16, half.tobytes())
    wide = file.tensor(name, half.shape)
    file.run("DEQUANTIZE", [stored], [wide])
    return wide, half.astype(np.float32)


def _matrix(file: LiteFile, name: str, values: Any, kind: str) -> tuple[int, Any]:
    rows = np.ascontiguousarray(values.T)
    if kind == "float32":
        return file.array(name, rows), values
    if kind == "float16":
        half = rows.astype(np.float16)
        stored = file.tensor(f"{name}_half", half.shape, FLOAT16, half.tobytes())
        wide = file.tensor(name, half.shape)
        file.run("DEQUANTIZE", [stored], [wide])
        return wide, half.astype(np.float32).T
    largest = np.abs(rows).max(axis=1 if kind == "channels" else None)
    scales = np.atleast_1d(largest / np.float32(127)).astype(np.float32)
    column = scales[:, None] if kind == "channels" else scales
    quantised = np.clip(np.round(rows / column), -127, 127).astype(np.int8)
    index = file.tensor(name, rows.shape, INT8, quantised.tobytes(), scales)
    return index, (quantised.astype(np.float32) * column).T
