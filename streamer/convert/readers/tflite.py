"""Reads the weights of a DeepSpeech network from its TensorFlow Lite export.

In such a file the LSTM is unrolled over its steps. Matrices are (outputs,
inputs) and, in the public releases, 8-bit with a scale. The weights are
identified by the operations that use them, since names differ between exports.
Field numbers are those of TensorFlow Lite's schema.fbs.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from streamer.acoustic.contract import INPUT_NODE
from streamer.acoustic.weights import Weights
from streamer.arrays import FloatArray
from streamer.convert.readers.flatbuffer import Table
from streamer.convert.readers.mapped_file import damaged_file_error, map_file
from streamer.convert.readers.metadata import describe
from streamer.errors import ModelError
from streamer.untrusted.damage import DamagedError, FieldLimit

MAGIC = b"TFL3"

_DTYPES: Mapping[int, str] = {0: "f4", 1: "f2", 2: "i4", 3: "u1", 4: "i8", 7: "i2", 9: "i1"}
_STRING = 5

#: Operations by TensorFlow Lite's number.
OP_NAMES: Mapping[int, str] = {
    0: "ADD",
    2: "CONCATENATION",
    6: "DEQUANTIZE",
    9: "FULLY_CONNECTED",
    14: "LOGISTIC",
    18: "MUL",
    22: "RESHAPE",
    25: "SOFTMAX",
    28: "TANH",
    45: "STRIDED_SLICE",
    49: "SPLIT",
    57: "MINIMUM",
    83: "PACK",
    88: "UNPACK",
    102: "SPLIT_V",
}
_CUSTOM = 32
_RELU = 1
_COPY = "_copy"
_METADATA = "metadata_"


@dataclass(frozen=True)
class Tensor:
    """A tensor of the file.

    Attributes:
        name: its name.
        shape: its shape.
        kind: TensorFlow Lite's number of its data type.
        data: its bytes; empty if it is computed.
        scales: scales of quantised values, one in all or one a channel.
        zero_points: zero points of quantised values.
        channel_axis: the axis of the channels.
    """

    name: str
    shape: tuple[int, ...]
    kind: int
    data: memoryview
    scales: npt.NDArray[Any]
    zero_points: npt.NDArray[Any]
    channel_axis: int


@dataclass(frozen=True)
class Operation:
    """An operation of the file.

    Attributes:
        op: its type in capitals, or the name of a custom one.
        inputs: indices of its input tensors, -1 for an omitted one.
        outputs: indices of its output tensors.
        activation: number of the activation fused into it.
    """

    op: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    activation: int


@dataclass(frozen=True)
class LiteGraph:
    """A TensorFlow Lite file.

    Attributes:
        tensors: all tensors.
        operations: all operations in execution order.
        inputs: indices of the input tensors.
        outputs: indices of the output tensors.
    """

    tensors: list[Tensor]
    operations: list[Operation]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_tflite(path: Path) -> Weights:
    """Read the weights of a ``.tflite`` file, dequantised.

    Args:
        path: the file.

    Raises:
        ConversionError: it is missing, damaged, or another kind of network.
    """
    graph = read_lite_graph(path)
    try:
        return _WeightFinder(graph).weights()
    except (DamagedError, ModelError) as error:
        reason = error.what if isinstance(error, ModelError) else error
        raise damaged_file_error(
            path, "a DeepSpeech network in TensorFlow Lite's format", reason
        ) from error


def read_lite_graph(path: Path) -> LiteGraph:
    """Read the tensors and operations of a ``.tflite`` file.

    Args:
        path: the file.

    Raises:
        ConversionError: it is missing or damaged.
    """
    data = map_file(path)
    try:
        if bytes(data[4:8]) != MAGIC:
            raise DamagedError("the magic number TFL3 is missing")
        model = Table.root(data, FieldLimit())
        buffers = [table.data(0) for table in model.tables(4)]
        codes = [_op_name(table) for table in model.tables(1)]
        subgraphs = model.tables(2)
        if len(subgraphs) != 1:
            raise DamagedError(f"it has {len(subgraphs)} graphs, not one")
        graph = subgraphs[0]
        return LiteGraph(
            [_tensor(table, buffers) for table in graph.tables(0)],
            [_operation(table, codes) for table in graph.tables(3)],
            _indices(graph, 1),
            _indices(graph, 2),
        )
    except DamagedError as error:
        raise damaged_file_error(path, "a TensorFlow Lite file", error) from error


def _op_name(table: Table) -> str:
    # The first field is the old, one-byte form of the fourth.
    code = max(int(table.number(0, "b")), int(table.number(3, "i")))
    return table.text(1) if code == _CUSTOM else OP_NAMES.get(code, f"BUILTIN_{code}")


def _indices(table: Table, index: int) -> tuple[int, ...]:
    return tuple(int(i) for i in table.numbers(index, "i4")[:4096])


def _tensor(table: Table, buffers: list[memoryview]) -> Tensor:
    shape = _indices(table, 0)
    if len(shape) > 8 or min(shape, default=0) < 0:
        raise DamagedError(f"a tensor has shape {shape}")
    buffer = int(table.number(2, "I"))
    if buffer >= len(buffers):
        raise DamagedError("a tensor has no buffer")
    quantisation = table.table(4)
    empty = np.zeros(0)
    return Tensor(
        table.text(3),
        shape,
        int(table.number(1, "b")),
        buffers[buffer],
        empty if quantisation is None else quantisation.numbers(2, "f4"),
        empty if quantisation is None else quantisation.numbers(3, "i8"),
        0 if quantisation is None else int(quantisation.number(6, "i")),
    )


def _operation(table: Table, codes: list[str]) -> Operation:
    code = int(table.number(0, "I"))
    if code >= len(codes):
        raise DamagedError("an operation has no type")
    options = table.table(4)
    # In the options of these operations the activation is the first field.
    activation = int(options.number(0, "b")) if codes[code] in _ACTIVATED and options else 0
    return Operation(codes[code], _indices(table, 1), _indices(table, 2), activation)


_ACTIVATED = ("FULLY_CONNECTED", "ADD", "MUL")


class _WeightFinder:
    """Identifies DeepSpeech's layers by the operations."""

    def __init__(self, graph: LiteGraph) -> None:
        self._graph = graph
        self._made_by: dict[int, Operation] = {
            output: operation for operation in graph.operations for output in operation.outputs
        }

    def weights(self) -> Weights:
        dense = self._dense_operations()
        names = ("layer_1", "layer_2", "layer_3", "lstm", "layer_5", "layer_6")
        if len(dense) != len(names):
            raise DamagedError(f"it has {len(dense)} matrices, not {len(names)}")
        layers: dict[str, FloatArray] = {}
        for name, operation in zip(names, dense):
            hidden = name in ("layer_1", "layer_2", "layer_3", "layer_5")
            if operation.activation != (_RELU if hidden else 0):
                raise DamagedError(f"{name} has the activation {operation.activation}")
            matrix, bias = self._matrix_and_bias(operation)
            layers[f"{name}/{'kernel' if name == 'lstm' else 'weights'}"] = matrix
            layers[f"{name}/bias"] = bias
        self._check_lstm(dense[3])
        description = {**describe(self._metadata(), {}), **self._geometry()}
        description["forget_bias"] = 0.0
        description["relu_clip"] = self._relu_clip()
        return Weights(layers, description)

    def _dense_operations(self) -> list[Operation]:
        """Return one matrix product a matrix, in the order of the network."""
        found: dict[int, Operation] = {}
        for operation in self._graph.operations:
            if operation.op == "FULLY_CONNECTED":
                if len(operation.inputs) < 2:
                    raise DamagedError("a matrix product has no matrix")
                # The unrolled LSTM uses its matrix once a step.
                found.setdefault(operation.inputs[1], operation)
        return list(found.values())

    def _check_lstm(self, operation: Operation) -> None:
        """Check that the gates are in TensorFlow's order and have no forget bias added."""
        uses: dict[int, str] = {}
        for user in self._graph.operations:
            for tensor in user.inputs:
                uses.setdefault(tensor, user.op)
        splits = [
            op
            for op in self._graph.operations
            if op.op in ("SPLIT", "SPLIT_V") and set(op.inputs) & set(operation.outputs)
        ]
        gates = [uses.get(tensor, "nothing") for tensor in splits[0].outputs] if splits else []
        if gates != ["LOGISTIC", "TANH", "LOGISTIC", "LOGISTIC"]:
            raise DamagedError(f"the gates of its LSTM go through {', '.join(gates) or 'nothing'}")

    def _matrix_and_bias(self, operation: Operation) -> tuple[FloatArray, FloatArray]:
        matrix = self._constant(operation.inputs[1])
        if matrix.ndim != 2:
            raise DamagedError(f"a matrix has shape {matrix.shape}")
        if len(operation.inputs) > 2 and operation.inputs[2] >= 0:
            bias = self._constant(operation.inputs[2]).reshape(-1)
        else:
            bias = np.zeros(matrix.shape[0], np.float32)
        return np.ascontiguousarray(matrix.T), bias

    def _tensor(self, index: int) -> Tensor:
        if not 0 <= index < len(self._graph.tensors):
            raise DamagedError("an operation reads a missing tensor")
        return self._graph.tensors[index]

    def _stored(self, index: int) -> Tensor:
        """Return a tensor, or the one that it is widened from: float16 has its own operation."""
        tensor = self._tensor(index)
        maker = self._made_by.get(index)
        if not len(tensor.data) and maker is not None and maker.op == "DEQUANTIZE":
            return self._tensor(maker.inputs[0] if maker.inputs else -1)
        return tensor

    def _constant(self, index: int) -> FloatArray:
        tensor = self._stored(index)
        values = decode(tensor)
        if values.dtype.kind == "f":
            return values.astype(np.float32, copy=False)
        return _dequantise(tensor, values)

    def _relu_clip(self) -> float:
        clips = set()
        for operation in self._graph.operations:
            if operation.op == "MINIMUM":
                bounds = [self._stored(i) for i in operation.inputs if len(self._stored(i).data)]
                if len(bounds) != 1 or decode(bounds[0]).size != 1:
                    raise DamagedError("a layer has no constant bound")
                clips.add(float(decode(bounds[0]).reshape(-1)[0]))
        if len(clips) != 1:
            raise DamagedError(f"its layers are clipped at {sorted(clips)}")
        return clips.pop()

    def _geometry(self) -> dict[str, Any]:
        for tensor in map(self._tensor, self._graph.inputs):
            if tensor.name.split(":")[0] == INPUT_NODE:
                shape = tensor.shape
                if len(shape) != 4 or shape[2] % 2 != 1:
                    raise DamagedError(f"its input_node has shape {shape}")
                return {"n_context": shape[2] // 2, "n_input": shape[3], "n_steps": shape[1]}
        raise DamagedError("it has no input_node")

    def _metadata(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for tensor in self._graph.tensors:
            if tensor.name.startswith(_METADATA) and len(tensor.data):
                name = tensor.name[len(_METADATA) :]
                # The exporter returns a copy of each constant and names the constant after it.
                name = name[: -len(_COPY)] if name.endswith(_COPY) else name
                if tensor.kind == _STRING:
                    values[name] = _first_string(tensor.data)
                elif not name.endswith("_shape") and decode(tensor).size == 1:
                    values[name] = decode(tensor).reshape(-1)[0]
        return values


def decode(tensor: Tensor) -> npt.NDArray[Any]:
    """Return the stored values of a constant tensor.

    Raises:
        DamagedError: its size does not match its shape, or it is not a constant.
    """
    if tensor.kind not in _DTYPES:
        raise DamagedError(f"{tensor.name} has the type {tensor.kind}")
    dtype = np.dtype(_DTYPES[tensor.kind]).newbyteorder("<")
    count = 1
    for size in tensor.shape:
        count *= size
    if len(tensor.data) != count * dtype.itemsize:
        raise DamagedError(
            f"{tensor.name} has {len(tensor.data)} bytes, its shape {tensor.shape} "
            f"needs {count * dtype.itemsize}"
        )
    return np.frombuffer(tensor.data, dtype).reshape(tensor.shape)


def _dequantise(tensor: Tensor, values: npt.NDArray[Any]) -> FloatArray:
    scales = tensor.scales.astype(np.float32)
    zeros = tensor.zero_points.astype(np.float32)
    if not len(scales):
        raise DamagedError(f"{tensor.name} has 8-bit values without a scale")
    if not len(zeros):
        zeros = np.zeros(len(scales), np.float32)
    if len(scales) > 1:
        axis = tensor.channel_axis
        if not 0 <= axis < values.ndim or values.shape[axis] != len(scales):
            raise DamagedError(f"{tensor.name} has {len(scales)} scales for shape {tensor.shape}")
        if len(zeros) not in (1, len(scales)):
            raise DamagedError(f"{tensor.name} has {len(zeros)} zero points")
        shape = [-1 if k == axis else 1 for k in range(values.ndim)]
        scales, zeros = scales.reshape(shape), zeros.reshape(shape)
    elif len(zeros) != 1:
        raise DamagedError(f"{tensor.name} has {len(zeros)} zero points for one scale")
    return np.asarray((values.astype(np.float32) - zeros) * scales, np.float32)


def _first_string(data: memoryview) -> bytes:
    """Return the first of a string tensor's values: count, offsets, then the bytes."""
    try:
        count, start, end = struct.unpack_from("<iii", data, 0)
    except struct.error as error:
        raise DamagedError("a string is truncated") from error
    if count < 1 or not 0 <= start <= end <= len(data):
        raise DamagedError("a string is outside its tensor")
    return bytes(data[start:end])


def tensor_dtype(tensor: Tensor) -> str | None:
    """Return NumPy's short name of a tensor's data type; None for strings and others."""
    return _DTYPES.get(tensor.kind)
