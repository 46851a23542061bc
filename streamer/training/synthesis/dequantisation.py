"""Rewriting of Kokoro's 8-bit ONNX graph with floats and standard operators only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from streamer.arrays import FloatArray
from streamer.convert.imports import import_onnx
from streamer.errors import StreamerError

if TYPE_CHECKING:
    import onnx

#: sin(pi x) squared = x^2 (c0 + c1 x^2 + ...) for x from -0.5 to 0.5, by least squares; the error
#: is less than 1e-5.
_SQUARED_SINE = (9.869522, -32.46504, 42.64227, -29.42108, 10.57312)


def read_float_model(path: Path) -> onnx.ModelProto:
    """Read a model with dynamically quantised weights; return it in float32.

    Integer products become float products, and ONNX Runtime's own operators become standard
    ones. Nodes and weights without use are removed.

    Raises:
        StreamerError: it cannot be read, or has unexpected nodes.
    """
    onnx = import_onnx()
    try:
        model = onnx.load(str(path))
    except Exception as error:
        raise StreamerError(f"{path}: {error}", "name an ONNX file") from error
    try:
        _Dequantiser(model.graph).rewrite()
    except (KeyError, ValueError, IndexError) as error:
        raise StreamerError(
            f"{path}: not quantised as Kokoro's known file ({error})",
            "take the model with 8-bit weights",
        ) from error
    del model.opset_import[:]
    model.opset_import.append(onnx.helper.make_opsetid("", 20))
    return model


def check_inputs(model: onnx.ModelProto, path: Path) -> None:
    """Check that a model has Kokoro's inputs.

    Raises:
        StreamerError: one is missing.
    """
    missing = {"tokens", "style", "speed"} - {value.name for value in model.graph.input}
    if missing:
        raise StreamerError(
            f"{path}: not Kokoro, it has no input {sorted(missing)[0]!r}",
            "name Kokoro's ONNX file with 8-bit weights",
        )


class _Dequantiser:
    """Rewrites one graph.

    Args:
        graph: changed in place.
    """

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._onnx = import_onnx()
        self._graph = graph
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        self._maker = {name: node for node in graph.node for name in node.output}
        self._readers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)
        self._nodes: list[onnx.NodeProto] = []
        self._floats: list[onnx.TensorProto] = []
        self._done: set[str] = set()

    def rewrite(self) -> None:
        """Replace the graph's nodes and weights."""
        known = {
            "MatMulInteger": self._product,
            "ConvInteger": self._product,
            "DynamicQuantizeLSTM": self._lstm,
            "SkipLayerNormalization": self._sum_and_norm,
            "FusedMatMul": self._transposed_product,
            "FastGelu": self._gelu,
            "Sin": self._sine,
        }
        for node in self._graph.node:
            if node.output[0] not in self._done:
                known.get(node.op_type, self._nodes.append)(node)
        used = {output.name for output in self._graph.output}
        kept = []
        for node in reversed(self._nodes):
            if used.intersection(node.output):
                kept.append(node)
                used.update(node.input)
        weights = [t for t in [*self._graph.initializer, *self._floats] if t.name in used]
        del self._graph.node[:], self._graph.initializer[:]
        self._graph.node.extend(reversed(kept))
        self._graph.initializer.extend(weights)

    def _add(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self._nodes.append(self._onnx.helper.make_node(kind, inputs, [output], **attributes))
        return output

    def _value(self, name: str) -> FloatArray:
        value = self._onnx.numpy_helper.to_array(self._constants[name])
        return cast(FloatArray, value.astype(np.float32))

    def _weight(self, name: str, value: FloatArray) -> str:
        name += "_float"
        self._floats.append(self._onnx.numpy_helper.from_array(value.astype(np.float32), name))
        return name

    def _only_reader(self, node: onnx.NodeProto, kind: str) -> onnx.NodeProto | None:
        (reader,) = self._readers[node.output[0]]
        return reader if reader.op_type == kind else None

    def _product(self, node: onnx.NodeProto) -> None:
        """Replace an integer product, its optional bias, cast and scales by a float product."""
        vectors = self._maker[node.input[0]].input[0]
        last, bias = node, []
        added = self._only_reader(node, "Add")
        if added is not None:
            self._done.add(added.output[0])
            bias = [self._bias(_other_input(added, node.output[0]))]
            last = added
        cast_ = self._only_reader(last, "Cast")
        scaled = cast_ and self._only_reader(cast_, "Mul")
        if cast_ is None or scaled is None:
            raise ValueError(node.name)
        scales = self._maker[_other_input(scaled, cast_.output[0])]
        scale = self._value(next(name for name in scales.input if name in self._constants))
        zero, weights = self._value(node.input[3]), self._value(node.input[1])
        attributes: dict[str, Any] = {}
        kind = "MatMul"
        if node.op_type == "ConvInteger":
            kind = "Conv"
            attributes = {a.name: self._onnx.helper.get_attribute_value(a) for a in node.attribute}
            scale, zero = (x.reshape(-1, *[1] * (weights.ndim - 1)) for x in (scale, zero))
        weight = self._weight(node.output[0], (weights - zero) * scale)
        self._done.update((cast_.output[0], scaled.output[0], scales.output[0]))
        self._add(kind, [vectors, weight, *bias], scaled.output[0], **attributes)

    def _bias(self, name: str) -> str:
        """Return the float tensor that a quantised bias is computed from."""
        floats = self._onnx.TensorProto.FLOAT
        while name not in self._constants or self._constants[name].data_type != floats:
            name = self._maker[name].input[0]
        return name

    def _lstm(self, node: onnx.NodeProto) -> None:
        helper = self._onnx.helper
        names = list(node.input)

        def floats(weights: str, scale: str, zero: str) -> str:
            q, s, z = (self._value(x) for x in (weights, scale, zero))
            both = (q - z.reshape(len(q), 1, -1)) * s.reshape(len(q), 1, -1)
            return self._weight(weights, np.ascontiguousarray(both.transpose(0, 2, 1)))

        inputs = [
            names[0], floats(names[1], *names[8:10]), floats(names[2], *names[10:12]), *names[3:8]
        ]  # fmt: skip
        while not inputs[-1]:
            inputs.pop()
        known = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        lstm = helper.make_node(
            "LSTM", inputs, list(node.output),
            direction=known["direction"], hidden_size=known["hidden_size"],
        )  # fmt: skip
        self._nodes.append(lstm)

    def _sum_and_norm(self, node: onnx.NodeProto) -> None:
        a, b, *norm = node.input
        total = self._add("Add", [a, b], node.output[0] + "_sum")
        if len(norm) > 2 and norm[2]:
            total = self._add("Add", [total, norm[2]], total + "_bias")
        epsilon = next(a.f for a in node.attribute if a.name == "epsilon")
        self._add(
            "LayerNormalization", [total, *norm[:2]], node.output[0], axis=-1, epsilon=epsilon
        )

    def _transposed_product(self, node: onnx.NodeProto) -> None:
        a, b = node.input
        known = {x.name: (x.i, x.f) for x in node.attribute}
        if known.get("transA", (0, 0))[0]:
            a = self._add("Transpose", [a], a + "_transposed", perm=[0, 2, 1])
        if known.get("transB", (0, 0))[0] or known.get("alpha", (0, 1.0))[1] != 1.0:
            raise ValueError(node.name)
        self._add("MatMul", [a, b], node.output[0])

    def _gelu(self, node: onnx.NodeProto) -> None:
        x = node.input[0]
        if len(node.input) > 1 and node.input[1]:
            x = self._add("Add", list(node.input), x + "_bias")
        self._add("Gelu", [x], node.output[0], approximate="tanh")

    def _sine(self, node: onnx.NodeProto) -> None:
        """Replace a squared sine by a polynomial, as OpenVINO has no fast sine."""
        readers = self._readers[node.output[0]]
        squared = len(readers) == 1 and readers[0].op_type == "Pow"
        if not squared or self._value(readers[0].input[1]).ravel() != 2.0:
            self._nodes.append(node)
            return
        name = node.output[0]

        def number(value: float) -> str:
            return self._weight(f"{name}_{len(self._floats)}", np.float32(value))

        # Periods of the square, and the distance to the nearest whole one, -0.5 to 0.5.
        periods = self._add("Mul", [node.input[0], number(1 / np.pi)], name + "_periods")
        shifted = self._add("Add", [periods, number(0.5)], name + "_shifted")
        whole = self._add("Floor", [shifted], name + "_whole")
        rest = self._add("Sub", [periods, whole], name + "_rest")
        square = self._add("Mul", [rest, rest], name + "_square")
        last, *others = reversed(_SQUARED_SINE)
        total = number(last)
        for power, coefficient in enumerate(others):
            product = self._add("Mul", [total, square], f"{name}_product_{power}")
            total = self._add("Add", [product, number(coefficient)], f"{name}_sum_{power}")
        self._done.add(readers[0].output[0])
        self._add("Mul", [total, square], readers[0].output[0])


def _other_input(node: onnx.NodeProto, name: str) -> str:
    """Return the input of a node of two inputs that is not ``name``."""
    (other,) = (each for each in node.input if each != name)
    return str(other)
