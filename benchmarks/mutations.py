"""Which errors ``streamer check`` catches, in each precision: the table of docs/coreml.md.

    python -m benchmarks.mutations [NETWORK] [--precision P]... [--shape S]... [--only TEXT]...

Writes Core ML programs with one error each and checks them: errors of a tensor in the first
shape only, errors of the operations in every shape. Without NETWORK it takes a random network of 80
units, whose matrices are large enough for coremltools to compress them. The letters say what
caught an error: t the comparison of tensors, o that of operations, r the run on audio; e means
that the file was refused. A letter in brackets is true of some shapes only.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Callable, NamedTuple

import numpy as np

from streamer.acoustic.weights import Weights, expected_shapes
from streamer.convert.check.check_inputs import find_recording, read_samples
from streamer.convert.check.checker import check_model
from streamer.convert.coreml.writer import model_path, write_coreml
from streamer.convert.options import PRECISIONS
from streamer.convert.readers import read_network
from streamer.errors import ConversionError

_SHAPES = ("unrolled", "lstm", "stateful")
#: Steps in a window: few, since each is part of the unrolled program.
_STEPS = 4
_SECONDS = 1.6
_UNITS, _LABELS = 80, 29

#: The layers with an upper bound.
_BOUNDED = ("layer_1", "layer_2", "layer_3", "layer_5")
_DENSE = (*_BOUNDED, "layer_6")

#: The comparisons by the streams of `Difference`.
_LETTERS = {"stored": "t", "structure": "o"}


class NotApplicableError(Exception):
    """A program of this shape has no place for an error of this kind."""


class Mutation(NamedTuple):
    """An error.

    Attributes:
        name: what it is.
        of_network: makes it in a network before the network is written; or
        of_program: makes it in the written program, the protobuf message of a MIL block.
    """

    name: str
    of_network: Callable[[Weights], Weights] | None = None
    of_program: Callable[[Any], None] | None = None


def mutations() -> list[Mutation]:
    """Return all errors of the table."""
    found: list[Mutation] = []
    biases = [f"{layer}/bias" for layer in (*_DENSE[:3], "lstm", *_DENSE[3:])]
    matrices = [f"{layer}/weights" for layer in _DENSE]

    def tensor(name: str, what: str, change: Callable[[Any], Any]) -> None:
        found.append(Mutation(f"{name} {what}", of_network=_with_layer(name, change)))

    for name in biases:
        tensor(name, "zero", np.zeros_like)
        tensor(name, "1 % larger", lambda a: a * np.float32(1.01))
        tensor(name, "0.2 % larger", lambda a: a * np.float32(1.002))
        tensor(name, "two units exchanged", _exchange_last)
    for name in [*matrices, "lstm/kernel"]:
        tensor(name, "1 % larger", lambda a: a * np.float32(1.01))
        tensor(name, "0.2 % larger", lambda a: a * np.float32(1.002))
        tensor(name, "one unit zero", _zero_unit)
        tensor(name, "one weight negated", _negate_largest)
        tensor(name, "two units exchanged", _exchange_last)
        tensor(name, "two inputs exchanged", lambda a: _exchange_last(a.T).T)
    for name in ("layer_2/weights", "layer_3/weights", "layer_5/weights"):
        tensor(name, "transposed", lambda a: a.T)
    for first, second, gates in ((0, 2, "i and f"), (0, 3, "i and o"), (2, 3, "f and o")):
        found.append(Mutation(f"gates {gates} exchanged", of_network=_gates(first, second)))
    found.append(Mutation("gates i and cell exchanged", of_network=_gates(0, 1)))
    tensor("lstm/bias", "gates i and f exchanged", lambda a: _exchange_gates(a, 0, 2))
    tensor("lstm/bias", "forget bias of 1 more", _forget_more)
    tensor("lstm/kernel", "inputs and recurrent exchanged", lambda a: np.roll(a, len(a) // 2, 0))
    for layer in _BOUNDED:
        for what, argument, value in (
            ("upper bound lost", "beta", 6e4),
            ("upper bound 1 % larger", "beta", 20.2),
            ("lower bound lost", "alpha", -6e4),
        ):
            found.append(Mutation(f"{layer} {what}", of_program=_bound(layer, argument, value)))
    for layer in _DENSE:
        found.append(Mutation(f"{layer} bias left out", of_program=_without_bias(layer)))
    found += [
        Mutation("softmax left out", of_program=_retyped("softmax", "identity")),
        Mutation("sigmoid in place of tanh", of_program=_retyped("tanh", "sigmoid")),
        Mutation("two gates of one step exchanged", of_program=_exchanged_outputs(3)),
        Mutation("two steps exchanged", of_program=_exchanged_outputs(_STEPS, last=True)),
        Mutation("new c and h exchanged", of_program=_exchanged_results),
        Mutation("previous c and h exchanged", of_program=_exchanged_states),
    ]
    return found


def check_mutation(
    mutation: Mutation, clean: Path, weights: Weights, samples: Any, shape: str, precision: str
) -> str:
    """Make an error and return the letters of what caught it; empty if nothing did.

    Args:
        mutation: the error.
        clean: a package without it, for errors of the program.
        weights: the network.
        samples: audio, float32 (n,).
        shape: of the program.
        precision: of the program.

    Raises:
        NotApplicableError: the error cannot be made in this shape.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = model_path(folder, "mutant")
        if mutation.of_network is not None:
            write_coreml(mutation.of_network(weights), path, _STEPS, shape, precision)
        else:
            assert mutation.of_program is not None
            shutil.copytree(clean, path)
            _edit(path, mutation.of_program)
        try:
            report = check_model(path, weights, samples)
        except ConversionError:
            return "e"
    wrong = {d.stream for d in report.differences if not d.passed}
    return "".join(sorted({_LETTERS.get(stream, "r") for stream in wrong}))


def random_network(units: int = _UNITS, labels: int = _LABELS, seed: int = 0) -> Weights:
    """Return random weights with active layers."""
    random = np.random.default_rng(seed)
    layers: dict[str, Any] = {}
    for name, shape in expected_shapes(26, 9, units, labels).items():
        scale = 0.1 if name.endswith("bias") else 1.5 / np.sqrt(shape[0])
        # Features of speech are in the tens.
        scale *= {"layer_1/weights": 0.1, "layer_6/weights": 4}.get(name, 1)
        layers[name] = (scale * random.standard_normal(shape)).astype(np.float32)
    return Weights(layers, {})


def _with_layer(name: str, change: Callable[[Any], Any]) -> Callable[[Weights], Weights]:
    def mutate(weights: Weights) -> Weights:
        layers: dict[str, Any] = dict(weights.layers)
        layers[name] = np.ascontiguousarray(change(layers[name].copy()), np.float32)
        return dataclasses.replace(weights, layers=layers)

    return mutate


def _exchange_last(array: Any) -> Any:
    array[..., [0, 1]] = array[..., [1, 0]]
    return array


def _zero_unit(matrix: Any) -> Any:
    matrix[:, 3] = 0
    return matrix


def _negate_largest(matrix: Any) -> Any:
    matrix.flat[np.abs(matrix).argmax()] *= -1
    return matrix


def _forget_more(bias: Any) -> Any:
    n = len(bias) // 4
    bias[2 * n : 3 * n] += 1
    return bias


def _exchange_gates(array: Any, first: int, second: int) -> Any:
    gates = np.split(array, 4, axis=-1)
    gates[first], gates[second] = gates[second], gates[first]
    return np.concatenate(gates, axis=-1)


def _gates(first: int, second: int) -> Callable[[Weights], Weights]:
    def mutate(weights: Weights) -> Weights:
        for name in ("lstm/kernel", "lstm/bias"):
            weights = _with_layer(name, lambda a: _exchange_gates(a, first, second))(weights)
        return weights

    return mutate


def _edit(path: Path, change: Callable[[Any], None]) -> None:
    from coremltools.proto import Model_pb2

    manifest = json.loads((path / "Manifest.json").read_text(encoding="utf-8"))
    file = path / "Data" / manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]["path"]
    spec = Model_pb2.Model()
    spec.ParseFromString(file.read_bytes())
    function = spec.mlProgram.functions["main"]
    change(function.block_specializations[function.opset])
    file.write_bytes(spec.SerializeToString())


def _sources(operation: Any, argument: str) -> list[str]:
    return [binding.name for binding in operation.inputs[argument].arguments]


def _output(operation: Any) -> str:
    return operation.outputs[0].name if len(operation.outputs) else ""


def _bound(layer: str, argument: str, value: float) -> Callable[[Any], None]:
    def mutate(block: Any) -> None:
        for operation in block.operations:
            if operation.type == "clip" and _sources(operation, "x") == [layer]:
                (bound,) = _sources(operation, argument)
                (old,) = (o for o in block.operations if _output(o) == bound)
                constant = type(old)()
                constant.CopyFrom(old)
                constant.outputs[0].name = f"{bound}_mutant"
                tensor = constant.attributes["val"].immediateValue.tensor
                if tensor.WhichOneof("value") == "bytes":
                    tensor.bytes.values = np.float16(value).tobytes()
                else:
                    tensor.floats.values[0] = value
                block.operations.insert(0, constant)
                operation.inputs[argument].arguments[0].name = constant.outputs[0].name
                return
        raise NotApplicableError

    return mutate


def _without_bias(layer: str) -> Callable[[Any], None]:
    def mutate(block: Any) -> None:
        for operation in block.operations:
            if _output(operation) == layer and "bias" in operation.inputs:
                del operation.inputs["bias"]
                return
        raise NotApplicableError

    return mutate


def _retyped(before: str, after: str) -> Callable[[Any], None]:
    """Give the last operation of a type another one."""

    def mutate(block: Any) -> None:
        for operation in reversed(block.operations):
            if operation.type == before:
                operation.type = after
                if after == "identity":
                    del operation.inputs["axis"]
                return
        raise NotApplicableError

    return mutate


def _exchanged_outputs(parts: int, last: bool = False) -> Callable[[Any], None]:
    """Exchange two outputs of a split; of the one along the last axis if ``last``."""

    def mutate(block: Any) -> None:
        for operation in block.operations:
            if operation.type == "split" and len(operation.outputs) == parts:
                sizes = [d.constant.size for d in operation.outputs[0].type.tensorType.dimensions]
                if (sizes[1] > sizes[-1] * _UNITS) != last:
                    continue
                first, second = operation.outputs[0].name, operation.outputs[1].name
                operation.outputs[0].name, operation.outputs[1].name = second, first
                return
        raise NotApplicableError

    return mutate


def _exchanged_results(block: Any) -> None:
    states = [o for o in block.operations if _output(o) in ("new_state_c", "new_state_h")]
    if len(states) != 2:
        raise NotApplicableError
    _exchange_sources(states[0].inputs["x"], states[1].inputs["x"])


def _exchanged_states(block: Any) -> None:
    readers = []
    for name in ("previous_state_c", "previous_state_h"):
        for operation in block.operations:
            if "x" in operation.inputs and _sources(operation, "x") == [name]:
                readers.append(operation)
                break
    if len(readers) != 2:
        raise NotApplicableError
    _exchange_sources(readers[0].inputs["x"], readers[1].inputs["x"])


def _exchange_sources(first: Any, second: Any) -> None:
    one, other = first.arguments[0], second.arguments[0]
    one.name, other.name = other.name, one.name


def table(
    weights: Weights,
    samples: Any,
    shapes: Sequence[str],
    precisions: Sequence[str],
    only: str = "",
) -> Iterator[tuple[str, list[str]]]:
    """Yield the name of each error, and a cell for each precision."""
    with tempfile.TemporaryDirectory() as folder:
        clean = {
            (shape, precision): write_coreml(
                weights, Path(folder) / f"{shape}-{precision}.mlpackage", _STEPS, shape, precision
            )
            for shape in shapes
            for precision in precisions
        }
        for path in clean.values():
            report = check_model(path, weights, samples)
            assert report.passed, f"{path.name} has no error, but does not pass"
        for mutation in mutations():
            if only not in mutation.name:
                continue
            cells = []
            for precision in precisions:
                found = []
                for shape in shapes if mutation.of_network is None else shapes[:1]:
                    try:
                        found.append(
                            check_mutation(
                                mutation,
                                clean[shape, precision],
                                weights,
                                samples,
                                shape,
                                precision,
                            )
                        )
                    except NotApplicableError:
                        continue
                cells.append(_cell(found))
            yield mutation.name, cells


def _cell(found: Sequence[str]) -> str:
    if not found:
        return "-"
    if not all(found):
        return "**not caught**"
    always = set.intersection(*map(set, found))
    some = set.union(*map(set, found)) - always
    return "".join(sorted(always)) + (f" ({''.join(sorted(some))})" if some else "")


def main() -> None:
    """Print the table in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("network", nargs="?", type=Path)
    parser.add_argument("--precision", action="append", choices=PRECISIONS)
    parser.add_argument("--shape", action="append", choices=_SHAPES)
    parser.add_argument("--only", default="", help="errors whose name has this text")
    arguments = parser.parse_args()
    weights = random_network() if arguments.network is None else read_network(arguments.network)
    samples = read_samples(find_recording(), int(weights.description["sample_rate_hz"]), _SECONDS)
    precisions = arguments.precision or PRECISIONS
    print(f"| error | {' | '.join(precisions)} |")
    print(f"| --- |{' --- |' * len(precisions)}")
    rows = table(weights, samples, arguments.shape or _SHAPES, precisions, arguments.only)
    for name, cells in rows:
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
