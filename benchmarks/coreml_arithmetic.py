"""Arithmetic of every kind of ML program that we write, apart from the code of ``streamer check``.

    python -m benchmarks.coreml_arithmetic [--units 64] [--only TEXT] [--precision P]...

Writes a small random network in all shapes, precisions and numbers of steps, with and without
``input_lengths``, with several functions, and with an open number of steps; lets coremltools read
each package back (milproto, its own reader); and runs the operations with the NumPy below over 12
windows, the last one short, the states passed on. Each result is rounded to the type that the
program declares for it. The truth is a forward pass in float64, written out below as well.

The limits are those of the probabilities. Best labels are printed, not judged: those of a random
network are near ties (tests/convert/test_reconversion.py judges the bundled ones). The limits are
for a network as unsure as a new one: a trained one is surer of its labels, so that rounding
moves its probabilities further. Neural networks, the older format, are not in it: coremltools has
no reader for them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Callable, NamedTuple

import numpy as np

from streamer.acoustic.contract import function_of_steps
from streamer.acoustic.weights import Weights, expected_shapes
from streamer.convert.coreml import write_coreml
from streamer.convert.coreml.multifunction import write_multifunction
from streamer.convert.imports import coremltools_silenced
from streamer.convert.options import FLEXIBLE_SHAPE, PRECISIONS, SHAPES

Array = Any

#: Largest difference of a probability.
LIMITS = {"fp32": 1e-6, "fp16": 1e-4, "int8": 5e-3, "palette6": 5e-3, "palette4": 2e-2}

WINDOWS, SHORT = 12, 3
STEPS = (4, 8, 16)
_BOUND = 20.0


class Package(NamedTuple):
    """A package and the function of it to run.

    Attributes:
        name: of the combination.
        precision: of the weights and the states.
        path: the package.
        function: name of the function.
        steps: in a window.
    """

    name: str
    precision: str
    path: Path
    function: str
    steps: int


def network(n_units: int) -> Weights:
    """Return a network of random weights, each layer's outputs as large as its inputs."""
    random = np.random.default_rng(0)
    layers: dict[str, Array] = {}
    for name, shape in expected_shapes(26, 9, n_units, 29).items():
        scale = 0.1 if name.endswith("bias") else 1 / np.sqrt(shape[0])
        layers[name] = (scale * random.standard_normal(shape)).astype(np.float32)
    layers["layer_1/weights"] /= np.float32(5)  # features are larger
    return Weights(layers, {"n_input": 26, "n_context": 9})


def packages(
    weights: Weights, folder: Path, precisions: Sequence[str] = PRECISIONS, only: str = ""
) -> Iterator[Package]:
    """Write each combination whose name has a text, one after the other."""
    for precision in precisions:
        for shape in SHAPES:
            # The states inside Core ML are always float16.
            least = "fp16" if (shape, precision) == ("stateful", "fp32") else precision
            for steps, lengths in ((16, False), (16, True), (4, False)):
                name = f"{shape} {precision} {steps}{' lengths' if lengths else ''}"
                if only in name:
                    path = folder / f"{name}.mlpackage"
                    write_coreml(weights, path, steps, shape, precision, lengths=lengths)
                    yield Package(name, least, path, "main", steps)
            names = {steps: f"{shape} {precision} {steps} of several" for steps in STEPS}
            wanted = {steps: name for steps, name in names.items() if only in name}
            if wanted:
                path = folder / f"{shape} {precision} several.mlpackage"
                write_multifunction(weights, path, STEPS, shape, precision)
            for steps, name in wanted.items():
                yield Package(name, least, path, function_of_steps(steps), steps)
        name = f"{FLEXIBLE_SHAPE} {precision} any"
        if only in name:
            path = folder / f"{name}.mlpackage"
            write_coreml(weights, path, shape=FLEXIBLE_SHAPE, precision=precision, flexible=True)
            yield Package(name, precision, path, "main", 16)


def truth(weights: Weights, x: Array) -> Array:
    """Return the probabilities of steps, float64 (n, labels), for inputs (n, values)."""
    w = {name: array.astype(np.float64) for name, array in weights.layers.items()}

    def dense(values: Array, layer: str) -> Array:
        return values @ w[f"{layer}/weights"] + w[f"{layer}/bias"]

    x = x.astype(np.float64)
    for layer in ("layer_1", "layer_2", "layer_3"):
        x = np.clip(dense(x, layer), 0, _BOUND)
    c = h = np.zeros(weights.n_hidden)
    outputs = []
    for step in x:
        gates = np.concatenate([step, h]) @ w["lstm/kernel"] + w["lstm/bias"]
        i, j, f, o = np.split(gates, 4)
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(j)
        h = _sigmoid(o) * np.tanh(c)
        outputs.append(h)
    y = np.clip(dense(np.array(outputs), "layer_5"), 0, _BOUND)
    return _softmax(dense(y, "layer_6"), -1)


def _sigmoid(x: Array) -> Array:
    return (1 + np.tanh(x / 2)) / 2


def _softmax(x: Array, axis: int) -> Array:
    shifted = np.exp(x - x.max(axis=axis, keepdims=True))
    return shifted / shifted.sum(axis=axis, keepdims=True)


def _conv(x: Array, weight: Array, bias: Array = 0.0, **_: Any) -> Array:
    if weight.shape[2:] != (1, 1):
        raise NotImplementedError("a convolution that is not 1x1")
    result = np.einsum("bihw,oi->bohw", x, weight[:, :, 0, 0])
    return result + np.reshape(bias, (1, -1, 1, 1))


def _lstm(**given: Any) -> list[Array]:
    """Run MIL's ``lstm``: gates in the order input, forget, output, cell."""
    x, h, c = given["x"], given["initial_h"], given["initial_c"]
    outputs = []
    for step in x:
        gates = step @ given["weight_ih"].T + h @ given["weight_hh"].T + given["bias"]
        i, f, o, z = np.split(gates, 4, axis=-1)
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(z)
        h = _sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return [np.stack(outputs), h, c]


def _split(x: Array, axis: Any, num_splits: Any = None, split_sizes: Any = None) -> list[Array]:
    if split_sizes is None:
        return np.split(x, int(num_splits), int(axis))
    return np.split(x, np.cumsum(split_sizes)[:-1], int(axis))


def _table(indices: Array, lut: Array, **_: Any) -> Array:
    """Look up a palette: lut (groups of each axis, values, 1)."""
    for axis, n in enumerate(indices.shape):
        lut = np.repeat(lut, n // lut.shape[axis], axis)
    return np.take_along_axis(lut[..., 0], indices[..., np.newaxis].astype(int), -1)[..., 0]


def _affine(quantized_data: Array, zero_point: Array, scale: Array, axis: Any) -> Array:
    shape = [1] * quantized_data.ndim
    shape[int(axis)] = -1
    zero, step = (np.reshape(each, shape if np.ndim(each) else ()) for each in (zero_point, scale))
    return (quantized_data.astype(np.float64) - zero) * step


def _blockwise(data: Array, scale: Array, offset: Any = None) -> Array:
    for axis, n in enumerate(data.shape):
        scale = np.repeat(scale, n // scale.shape[axis], axis)
    assert offset is None
    return data * scale


#: What each operation does with its arguments; the type is rounded afterwards.
OPERATIONS: dict[str, Callable[..., Any]] = {
    "cast": lambda x, dtype: x,
    "reshape": lambda x, shape: np.reshape(x, shape),
    "transpose": lambda x, perm: np.transpose(x, perm),
    "expand_dims": lambda x, axes: np.expand_dims(x, tuple(axes)),
    "squeeze": lambda x, axes: np.squeeze(x, tuple(axes)),
    "concat": lambda values, axis, interleave=False: np.concatenate(values, int(axis)),
    "split": _split,
    "conv": _conv,
    "linear": lambda x, weight, bias=0.0: x @ weight.T + bias,
    "clip": lambda x, alpha, beta: np.clip(x, alpha, beta),
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "sigmoid": lambda x: _sigmoid(x),
    "tanh": lambda x: np.tanh(x),
    "softmax": lambda x, axis: _softmax(x, int(axis)),
    "reduce_sum": lambda x, axes, keep_dims: x.sum(tuple(axes), keepdims=bool(keep_dims)),
    "lstm": _lstm,
    "constexpr_lut_to_dense": _table,
    "constexpr_affine_dequantize": _affine,
    "constexpr_blockwise_shift_scale": _blockwise,
}


class Program:
    """A function of a package as coremltools reads it.

    Args:
        path: the package.
        function: name of the function.
    """

    def __init__(self, path: Path, function: str) -> None:
        import coremltools as ct
        from coremltools.converters.mil.frontend.milproto.load import load

        model = ct.models.MLModel(str(path), skip_model_load=True)
        spec = model.get_spec()
        program = load(spec, spec.specificationVersion, model.weights_dir)
        self._function = program.functions[function]
        self.inputs = list(self._function.inputs)
        self._constants: dict[Any, Array] = {}

    def run(self, given: dict[str, Array], states: dict[str, Array]) -> dict[str, Array]:
        """Return all outputs by name; the states are changed."""
        values: dict[Any, Array] = {self._function.inputs[name]: a for name, a in given.items()}

        def value(argument: Any) -> Any:
            if isinstance(argument, (list, tuple)):
                return [value(each) for each in argument]
            if argument in values:
                return values[argument]
            constant = argument.val
            wide = isinstance(constant, np.ndarray) and constant.dtype.kind == "f"
            return constant.astype(np.float64) if wide else constant

        for operation in self._function.operations:
            kind = operation.op_type
            outputs = operation.outputs
            if kind == "const":
                continue
            if kind == "read_state":
                values[outputs[0]] = states[operation.inputs["input"].name]
                continue
            if kind == "coreml_update_state":
                new = value(operation.inputs["value"])
                values[outputs[0]] = states[operation.inputs["state"].name] = new
                continue
            if kind.startswith("constexpr") and outputs[0] in self._constants:
                values[outputs[0]] = self._constants[outputs[0]]
                continue
            arguments = {
                name: value(argument)
                for name, argument in operation.inputs.items()
                if name != "name" and argument is not None
            }
            if kind not in OPERATIONS:
                raise NotImplementedError(kind)
            results = OPERATIONS[kind](**arguments)
            for output, result in zip(outputs, results if isinstance(results, list) else [results]):
                values[output] = _rounded(result, output)
                if kind.startswith("constexpr"):
                    self._constants[output] = values[output]
        return {output.name: values[output] for output in self._function.outputs}


def _rounded(result: Array, variable: Any) -> Array:
    """Return a result rounded to the type of its variable, in float64."""
    from coremltools.converters.mil.mil import types

    kind = np.dtype(types.nptype_from_builtin(variable.dtype))
    rounded = np.asarray(result).astype(kind)
    return rounded.astype(np.float64) if kind.kind == "f" else rounded


def run_package(package: Package, x: Array, n_hidden: int) -> Array:
    """Return the probabilities of steps, float64 (n, labels), for features (n, frames, values)."""
    with coremltools_silenced():
        program = Program(package.path, package.function)
    n, steps = len(x), package.steps
    state = np.zeros((1, n_hidden))
    states = {"state_c": state, "state_h": state}
    c = h = state
    rows = []
    for begin in range(0, n, steps):
        window = np.zeros((1, steps, *x.shape[1:]))
        count = min(steps, n - begin)
        window[0, :count] = x[begin : begin + count]
        every = {
            "input_node": window,
            "input_lengths": np.array([count], np.int32),
            "previous_state_c": c,
            "previous_state_h": h,
        }
        outputs = program.run({k: v for k, v in every.items() if k in program.inputs}, states)
        c, h = outputs.get("new_state_c", c), outputs.get("new_state_h", h)
        rows.append(outputs["logits"].reshape(steps, -1)[:count])
    return np.concatenate(rows)


def main(arguments: list[str]) -> int:
    """Print a line for each package; return 1 if one misses its limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--only", default="", help="combinations whose name has this text")
    parser.add_argument("--precision", action="append", choices=PRECISIONS)
    given = parser.parse_args(arguments)
    weights = network(given.units)
    random = np.random.default_rng(0)
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        chosen = given.precision or PRECISIONS
        for package in packages(weights, Path(folder), chosen, given.only):
            n = (WINDOWS - 1) * package.steps + SHORT
            x = (5 * random.standard_normal((n, 19, 26))).astype(np.float16).astype(np.float64)
            expected = truth(weights, x.reshape(n, -1))
            found = run_package(package, x, given.units)
            error = float(np.abs(found - expected).max())
            same = float((found.argmax(1) == expected.argmax(1)).mean())
            good = error <= LIMITS[package.precision]
            missed += not good
            print(
                f"{package.name:32} {error:9.1e} of {LIMITS[package.precision]:.0e}, best label"
                f" {100 * same:5.1f} %  {'ok' if good else 'MISSED'}",
                flush=True,
            )
    print(f"{missed} missed" if missed else "all within their limits")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
