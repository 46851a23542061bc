"""Compares the operations of a model with the reference's, apart from its weights.

Speech seldom reaches the upper bound of a layer, some layers of some networks cannot
reach it at all, and rounding hides small errors. So the operations are run in float64
with other weights: drawn at random, such that each layer's sums lie below, between
and above its bounds, and no bias and no gate is without effect. Model and reference then
agree to the last digits, or one has an operation that the other has not.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from streamer.acoustic.weights import Weights, expected_shapes
from streamer.arrays import Array

#: Error allowed, relative to the largest value if that is above 1: float64 has 1e-16, and an LSTM
#: multiplies it over the steps.
TOLERANCE = 1e-10

#: Root mean square of a hidden layer's outputs, as a share of the upper bound, if its sums are
#: normally distributed around a quarter of the bound.
_HIDDEN_SIZE = 0.55
#: The same for the LSTM's outputs.
_LSTM_SIZE = 0.4

#: Standard deviation of the sums before the gates and before the softmax: most are where
#: sigmoid, tanh and softmax are far from flat.
_GATES = 1.5
_LABELS = 2.0


def probe_weights(reference: Weights, relu_clip: float, seed: int = 0) -> Weights:
    """Return random weights for a reference's geometry that drive each layer over its bounds.

    Args:
        reference: the network whose geometry and description they have.
        relu_clip: upper bound of the hidden layers.
        seed: of the random numbers.
    """
    random = np.random.default_rng(seed)
    hidden, n = _HIDDEN_SIZE * relu_clip, reference.n_hidden
    # For each layer: size of its inputs, and size of its sums.
    sizes = {
        "layer_1": (1.0, relu_clip),
        "layer_2": (hidden, relu_clip),
        "layer_3": (hidden, relu_clip),
        "layer_5": (_LSTM_SIZE, relu_clip),
        "layer_6": (hidden, _LABELS),
    }
    shapes = expected_shapes(reference.n_input, reference.n_context, n, reference.n_labels)
    layers: dict[str, Array] = {}
    for name, (inputs, sums) in sizes.items():
        shape = shapes[f"{name}/weights"]
        scale = sums / (inputs * np.sqrt(shape[0]))
        layers[f"{name}/weights"] = np.float32(scale) * random.standard_normal(shape, np.float32)
        centre = sums / 4 if sums == relu_clip else 0.0
        layers[f"{name}/bias"] = centre + sums / 2 * random.standard_normal(shape[1])
    kernel = random.standard_normal(shapes["lstm/kernel"], np.float32)
    kernel *= np.float32(_GATES / np.sqrt(n))
    kernel[:n] /= np.float32(hidden)
    layers["lstm/kernel"] = kernel
    layers["lstm/bias"] = _GATES / 3 * random.standard_normal(shapes["lstm/bias"])
    arrays = {name: np.ascontiguousarray(array, np.float32) for name, array in layers.items()}
    description = {**reference.description, "relu_clip": relu_clip}
    return dataclasses.replace(reference, layers=arrays, description=description)


def probe_windows(reference: Weights, steps: int, seed: int = 1) -> list[tuple[Array, int]]:
    """Return windows for `probe_weights` and their numbers of real steps; the last one is short.

    Returns:
        float32 (1, steps, 2 * n_context + 1, n_input) each.
    """
    random = np.random.default_rng(seed)
    shape = (1, steps, 2 * reference.n_context + 1, reference.n_input)
    lengths = (steps, steps, max(steps - max(steps // 3, 1), 1))
    return [(random.standard_normal(shape).astype(np.float32), n) for n in lengths]


def probe_state(reference: Weights, seed: int = 2) -> tuple[Array, Array]:
    """Return states c and h to begin with, float32 (1, N), so that the first step has a past."""
    random = np.random.default_rng(seed)
    c = random.standard_normal((1, reference.n_hidden)).astype(np.float32)
    return c, np.tanh(c[:, ::-1]).astype(np.float32)
