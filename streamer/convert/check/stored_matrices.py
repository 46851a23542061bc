"""Recovers the matrices that a compressed model stores.

The error of a palette of 16 values can hide a missing bias. So such a model is
checked in two steps: its matrices must match the reference's within the error
of a palette; and a reference with these matrices must match the model within the
error of float16.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from streamer.acoustic.weights import Weights
from streamer.arrays import Array
from streamer.convert.check.low_precision import quantised_matrix
from streamer.convert.check.mil.program import MilProgram
from streamer.convert.check.neural_layers import unpack_weights
from streamer.convert.check.stored_precision import layers
from streamer.convert.coreml.model_file import ModelFile

#: Error allowed for a stored matrix, as a multiple of our own rounding error.
_SLACK = 2.0


class MatrixError(NamedTuple):
    """The error of a stored matrix.

    Attributes:
        name: name of the layer.
        error: root mean square difference of the closest stored matrix; infinite if none fits.
        tolerance: largest error allowed.
    """

    name: str
    error: float
    tolerance: float


def recover_weights(
    file: ModelFile, evaluator: Any, reference: Weights, precision: str
) -> tuple[list[MatrixError], Weights | None]:
    """Find each matrix of the reference among the matrices that a model stores.

    Args:
        file: the model.
        evaluator: the evaluator of the model.
        reference: the reference network.
        precision: precision of the stored matrices.

    Returns:
        The error of each, and the reference with the stored matrices in place of its own;
        None if a matrix is missing.
    """
    if isinstance(evaluator, MilProgram):
        stored = evaluator.matrices()
    else:
        stored = list(_of_network(file))
    errors: list[MatrixError] = []
    found: dict[str, Array] = {}
    for name, wanted in _wanted(reference).items():
        error, nearest = _nearest(wanted, stored)
        own = quantised_matrix(wanted.T, precision).T
        cost = float(np.sqrt(np.mean((own.astype(np.float64) - wanted) ** 2)))
        errors.append(MatrixError(name, error, _SLACK * cost + 1e-6))
        if nearest is not None:
            found[name] = nearest
    if len(found) < len(errors) or any(e.error > e.tolerance for e in errors):
        return errors, None
    return errors, _rebuilt(reference, found)


def _wanted(reference: Weights) -> dict[str, Array]:
    """Return the matrices in Core ML's layout: (outputs, inputs), gates in the order i, f, o, z."""
    matrices = {
        name: array.T
        for name, array in reference.layers.items()
        if array.ndim == 2 and name != "lstm/kernel"
    }
    i, j, f, o = np.split(reference.layers["lstm/kernel"], 4, axis=1)
    kernel = np.concatenate([i, f, o, j], axis=1).T
    n = reference.n_hidden
    return {**matrices, "lstm/input": kernel[:, :n], "lstm/recurrent": kernel[:, n:]}


def _rebuilt(reference: Weights, found: dict[str, Array]) -> Weights:
    rebuilt: dict[str, Array] = dict(reference.layers)
    kernel = np.concatenate([found.pop("lstm/input"), found.pop("lstm/recurrent")], axis=1)
    i, f, o, j = np.split(kernel.T, 4, axis=1)
    rebuilt["lstm/kernel"] = np.concatenate([i, j, f, o], axis=1)
    rebuilt.update((name, matrix.T) for name, matrix in found.items())
    arrays = {name: np.ascontiguousarray(a, np.float32) for name, a in rebuilt.items()}
    return dataclasses.replace(reference, layers=arrays)


def _nearest(wanted: Array, stored: list[Array]) -> tuple[float, Array | None]:
    best, nearest = float("inf"), None
    for matrix in stored:
        if matrix.ndim != 2 or matrix.shape[0] != wanted.shape[0]:
            continue
        # An extra column is the mask for steps past the end.
        candidate = matrix[:, :-1] if matrix.shape[1] == wanted.shape[1] + 1 else matrix
        if candidate.shape != wanted.shape:
            continue
        error = float(np.sqrt(np.mean((candidate.astype(np.float64) - wanted) ** 2)))
        if error < best:
            best, nearest = error, candidate
    return best, nearest


def _of_network(file: ModelFile) -> Iterator[Array]:
    gates = ("inputGate", "forgetGate", "outputGate", "blockInput")
    for layer in layers(file.spec.neuralNetwork):
        kind = layer.WhichOneof("layer")
        p = getattr(layer, kind)
        if kind == "innerProduct":
            yield unpack_weights(p.weights, (int(p.outputChannels), int(p.inputChannels)))
        elif kind == "convolution":
            yield unpack_weights(p.weights, (int(p.outputChannels), int(p.kernelChannels)))
        elif kind == "uniDirectionalLSTM":
            n = int(p.outputVectorSize)
            for what, width in (
                ("WeightMatrix", int(p.inputVectorSize)),
                ("RecursionMatrix", n),
            ):
                yield np.concatenate(
                    [unpack_weights(getattr(p.weightParams, g + what), (n, width)) for g in gates]
                )
