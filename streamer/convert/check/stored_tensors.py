"""Compares each constant that a model stores with the reference, tensor by tensor.

Running a model cannot tell a bias that is 1 % too large from the rounding of
float16. Its file can: a constant is the reference's value, rounded once. Files
store the tensors in various layouts: transposed, the gates in another order or
one by one, a matrix once for each step. So each tensor is cut into the parts that
stay whole in any of them, and each part is looked up among all constants.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from streamer.acoustic.weights import LAYER_NAMES, Weights
from streamer.arrays import Array
from streamer.convert.check.evaluator import Constant
from streamer.convert.check.low_precision import quantised_matrix

#: A constant is taken for a part if its distance is less than this share of the part's own size.
#: Palettes of two values reach 0.6; zeros have 1, other weights about 1.4.
_SAME = 0.7

#: Values compared before a constant is compared as a whole.
_SAMPLE = 512

#: Rounding error allowed in float16: half a step, and half the smallest number.
_HALF_STEP = {"fp32": (2.0**-24, 2.0**-150), "fp16": (2.0**-11, 2.0**-25)}

#: Error allowed in integers, in steps: half a step, and the rounding of weights, scale and
#: product to float16, which is 2**-11 of up to 127 steps each.
_INTEGER_STEPS = 0.5 + 3 * 127 * 2.0**-11

#: Error allowed in palettes, as a multiple of the root mean square error of our own.
_PALETTE_SLACK = 2.0

#: The same for the weights of one output, which may have larger ones than the others.
_ROW_SLACK = 4.0

#: A weight of a palette may be this much nearer to another value than to its own, as a multiple of
#: the same error.
_NEARLY = 0.1

#: Error allowed in the overall scale of a compressed matrix. Rounding has none: the values that
#: share a code have it as their mean.
_SCALE = 0.005


class Part(NamedTuple):
    """A part of a reference tensor that a file stores without a cut.

    Attributes:
        tensor: name of the tensor, one of `LAYER_NAMES`.
        region: where the part is in it.
        added: what the file adds to it: the forget bias, or 0.
    """

    tensor: str
    region: tuple[slice, ...]
    added: float

    def of(self, weights: Weights) -> Array:
        """Return the part of a network, as the file stores it."""
        return np.asarray(weights.layers[self.tensor][self.region] + np.float32(self.added))


class _Place(NamedTuple):
    """Where a model stores a part: a rectangle of a constant without its axes of size 1."""

    constant: str
    region: tuple[slice, ...]
    transposed: bool

    def view(self, array: Array) -> Array:
        """Return the rectangle of the constant's array."""
        squeezed = np.squeeze(array)
        return (squeezed.T if self.transposed else squeezed)[self.region]

    def largest(self, array: Array) -> Array:
        """Return the largest value of each output's row, which may share its scale with others."""
        squeezed = np.squeeze(array)
        if squeezed.ndim == 1:
            return np.asarray(np.abs(squeezed).max())
        rows = np.abs(squeezed.T if self.transposed else squeezed).max(axis=0)
        return np.asarray(rows[self.region[1]])


class StoredTensors:
    """The reference's tensors as a model stores them.

    Args:
        constants: of the model; see `Evaluator.constants`.
        reference: the reference network.
    """

    def __init__(self, constants: Mapping[str, Constant], reference: Weights) -> None:
        self._constants = constants
        self._reference = reference
        self._places: list[tuple[Part, _Place]] = []
        parts = [part for part in _parts(reference) if not _uniform(part.of(reference))]
        for shape in sorted({part.of(reference).shape for part in parts}):
            same = [part for part in parts if part.of(reference).shape == shape]
            self._locate(same, shape)
        # The forget gate's bias may be stored with or without what is added to it.
        found = [part[:2] for part, _ in self._places]
        self._missing = [part for part in parts if part[:2] not in found]

    @property
    def complete(self) -> bool:
        """Whether the model stores something like every tensor."""
        return not self._missing

    def errors(self) -> dict[str, float]:
        """Return the error of each tensor, as a multiple of what its precision explains.

        Infinite for a tensor that is not there. A tensor of one value only, such as biases
        that are all 0, is left out: it has no place of its own.
        """
        worst: dict[str, float] = {part.tensor: float("inf") for part in self._missing}

        def note(tensor: str, error: float) -> None:
            worst[tensor] = max(worst.get(tensor, 0.0), error)

        together: dict[tuple[str, str], list[tuple[Array, Array]]] = {}
        for part, place in self._places:
            constant = self._constants[place.constant]
            stored, wanted = place.view(constant.array), part.of(self._reference)
            largest = place.largest(constant.array)
            note(part.tensor, _error(stored, wanted, largest, constant.precision))
            if constant.precision not in _HALF_STEP:
                together.setdefault((part.tensor, place.constant), []).append((stored, wanted))
        for (tensor, _), pairs in together.items():
            note(tensor, abs(_scale(pairs) - 1) / _SCALE)
        return {name: worst[name] for name in LAYER_NAMES if name in worst}

    def precision(self, tensor: str, default: str) -> str:
        """Return how a tensor is stored; ``default`` if it has no place of its own."""
        for part, place in self._places:
            if part.tensor == tensor:
                return self._constants[place.constant].precision
        return default

    def network(self) -> Weights:
        """Return the network that the model stores; what has no place is the reference's."""
        layers = {name: array.copy() for name, array in self._reference.layers.items()}
        for part, place in self._places:
            stored = place.view(self._constants[place.constant].array)
            layers[part.tensor][part.region] = stored - np.float32(part.added)
        return dataclasses.replace(self._reference, layers=layers)

    def replaced(self, weights: Weights) -> dict[str, Array]:
        """Return the constants of the model with another network in place of its own.

        Args:
            weights: a network of the same geometry.
        """
        arrays: dict[str, Array] = {}
        for part, place in self._places:
            if place.constant not in arrays:
                arrays[place.constant] = self._constants[place.constant].array.astype(np.float64)
            exact = weights.layers[part.tensor][part.region].astype(np.float64)
            place.view(arrays[place.constant])[...] = exact + part.added
        return arrays

    def with_unlocated(self, weights: Weights) -> Weights:
        """Return a network with the reference's tensors of one value in place of its own."""
        layers = {name: array.copy() for name, array in weights.layers.items()}
        for part in _parts(self._reference):
            if _uniform(part.of(self._reference)):
                layers[part.tensor][part.region] = self._reference.layers[part.tensor][part.region]
        return Weights(layers, weights.description)

    def _locate(self, parts: list[Part], shape: tuple[int, ...]) -> None:
        chosen = np.random.default_rng(0).integers(0, int(np.prod(shape)), _SAMPLE)
        where = np.unravel_index(np.unique(chosen), shape)
        samples = np.stack([part.of(self._reference)[where] for part in parts])
        sizes = np.sqrt(np.mean(samples**2, axis=1))
        for place in self._candidates(shape):
            stored = place.view(self._constants[place.constant].array)[where]
            distances = np.sqrt(np.mean((samples - stored) ** 2, axis=1))
            nearest = int(np.argmin(distances))
            if distances[nearest] < _SAME * sizes[nearest]:
                self._places.append((parts[nearest], place))

    def _candidates(self, shape: tuple[int, ...]) -> Iterator[_Place]:
        """Yield the rectangles of a shape into which the constants can be cut."""
        for name, constant in self._constants.items():
            array = np.squeeze(constant.array)
            if array.ndim != len(shape):
                continue
            for transposed in (False, True)[: array.ndim]:
                size = array.shape[::-1] if transposed else array.shape
                counts = [n // part for n, part in zip(size, shape)]
                # One more row or column is the mask for steps past the end.
                if any(n - k * part > 1 for n, k, part in zip(size, counts, shape)):
                    continue
                for index in np.ndindex(*counts):
                    region = tuple(slice(k * n, (k + 1) * n) for k, n in zip(index, shape))
                    yield _Place(name, region, transposed)


def _parts(reference: Weights) -> Iterator[Part]:
    n = reference.n_hidden
    whole = slice(None)
    halves = [slice(0, n), slice(n, 2 * n)]
    gates = [slice(k * n, (k + 1) * n) for k in range(4)]
    for name in LAYER_NAMES:
        if name == "lstm/kernel":
            yield from (Part(name, (rows, columns), 0.0) for rows in halves for columns in gates)
        elif name == "lstm/bias":
            yield from (Part(name, (gate,), 0.0) for gate in gates)
            if reference.forget_bias:
                yield Part(name, (gates[2],), reference.forget_bias)
        else:
            yield Part(name, (whole,) * reference.layers[name].ndim, 0.0)


def _uniform(array: Array) -> bool:
    return bool((array == array.flat[0]).all())


def _error(stored: Array, wanted: Array, largest: Array, precision: str) -> float:
    """Return the error of a part as a multiple of what its precision explains."""
    wanted = wanted.astype(np.float64)
    difference = stored.astype(np.float64) - wanted
    if precision in _HALF_STEP:
        relative, least = _HALF_STEP[precision]
        limit = np.finfo(np.float16 if precision == "fp16" else np.float32).max
        difference = stored - np.clip(wanted, -limit, limit)
        # A little more, since the bound itself is rounded.
        return float((np.abs(difference) / (relative * np.abs(wanted) + least)).max() * (1 - 1e-6))
    if precision.startswith("int"):
        step = np.maximum(largest, 1e-12) / (2 ** (int(precision[3:]) - 1) - 1)
        error = float((np.abs(difference) / step).max() / _INTEGER_STEPS)
    else:
        own = quantised_matrix(np.ascontiguousarray(wanted, np.float32), precision) - wanted
        cost = float(np.sqrt(np.mean(own**2)))
        error = float(np.sqrt(np.mean(difference**2))) / (_PALETTE_SLACK * cost + 1e-6)
        # The tail of a row may cost our own palette as much.
        rows, own_rows = (
            np.sqrt(np.mean(np.atleast_2d(e.T) ** 2, axis=1)) for e in (difference, own)
        )
        allowed = np.maximum(_ROW_SLACK * cost, _PALETTE_SLACK * own_rows) + 1e-6
        error = max(error, float((rows / allowed).max()))
        # Weights are rounded to float16 before they get their value.
        limit = _NEARLY * cost + 2.0**-10 * float(np.abs(wanted).max())
        error = max(error, _not_nearest(stored, wanted) / limit)
    return error


def _not_nearest(stored: Array, wanted: Array) -> float:
    """Return by how much another value of its output's row would be nearer to a weight, at most.

    Outputs may have palettes of their own, but a row has one.
    """
    most = 0.0
    for column, aim in zip(np.atleast_2d(stored.T), np.atleast_2d(wanted.T)):
        palette = np.unique(column).astype(np.float64)
        nearest = np.searchsorted((palette[1:] + palette[:-1]) / 2, aim)
        excess = np.abs(column - aim) - np.abs(palette[nearest] - aim)
        most = max(most, float(excess.max()))
    return most


def _scale(pairs: list[tuple[Array, Array]]) -> float:
    """Return the factor by which stored values come closest to the wanted ones."""
    product = sum(float((stored.astype(np.float64) * wanted).sum()) for stored, wanted in pairs)
    square = sum(float((stored.astype(np.float64) ** 2).sum()) for stored, _ in pairs)
    return product / max(square, 1e-12)
