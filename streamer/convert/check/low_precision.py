"""The reference forward pass in low precision: the error that a precision explains.

The error of float16 or palettes depends on the network: confident networks show
more of it. So the checker has no fixed tolerances: it measures the error that the
same rounding causes in the reference.
"""

from __future__ import annotations

import numpy as np

from streamer.acoustic.numpy_model import sigmoid, softmax_in_groups
from streamer.acoustic.weights import Weights
from streamer.arrays import Array
from streamer.convert.coreml.palette import cluster


def quantised_matrix(matrix: Array, precision: str) -> Array:
    """Return a matrix after rounding to a storage precision.

    Args:
        matrix: float32 (inputs, outputs).
        precision: ``fp32``, ``fp16``, ``int<bits>`` (a scale for each output) or
            ``palette<bits>``.
    """
    if precision == "fp32":
        return matrix
    if precision == "fp16":
        return matrix.astype(np.float16).astype(np.float32)
    if precision.startswith("int"):
        largest = 2 ** (int(precision[3:]) - 1) - 1
        scale = np.maximum(np.abs(matrix).max(axis=0), 1e-12) / largest
        return np.asarray(np.round(matrix / scale) * scale, np.float32)
    table, indices = cluster(int(precision[len("palette") :]), matrix)
    return np.asarray(table.astype(np.float32)[indices].reshape(matrix.shape))


class LowPrecisionReference:
    """The reference forward pass in a lower precision.

    Args:
        weights: the network.
        precision: see `quantised_matrix`; all except ``fp32`` round activations to float16.
    """

    def __init__(self, weights: Weights, precision: str) -> None:
        self._half = precision != "fp32"
        self._clip = weights.relu_clip
        self._groups = weights.groups
        n = self.n_hidden = weights.n_hidden
        self._w: dict[str, Array] = {}
        for name, array in weights.layers.items():
            if name == "lstm/kernel":
                parts = (quantised_matrix(part, precision) for part in (array[:n], array[n:]))
                self._w["lstm/input"], self._w["lstm/recurrent"] = parts
            elif array.ndim == 2:
                self._w[name] = quantised_matrix(array, precision)
            else:
                self._w[name] = self._round(array)
        i, j, f, o = np.split(weights.layers["lstm/bias"], 4)
        self._w["lstm/bias"] = self._round(
            np.concatenate([i, j, f + np.float32(weights.forget_bias), o])
        )

    def forward(
        self, window: Array, n: int, state: tuple[Array, Array]
    ) -> tuple[Array, tuple[Array, Array]]:
        """See `streamer.acoustic.numpy_model.NumpyAcousticModel.forward`."""
        x = self._round(window[0, :n].reshape(n, -1).astype(np.float32))
        for layer in ("layer_1", "layer_2", "layer_3"):
            x = self._hidden(layer, x)
        c, h = (self._round(part.astype(np.float32)) for part in state)
        inputs = self._round(x @ self._w["lstm/input"] + self._w["lstm/bias"])
        outputs = np.empty((n, h.shape[1]), np.float32)
        for step in range(n):
            # Rounded after each operation, as an unrolled program has them.
            recurrent = self._round(h @ self._w["lstm/recurrent"])
            gates = self._round(inputs[step : step + 1] + recurrent)
            i, j, f, o = np.split(gates, 4, axis=1)
            i, f, o = (self._round(sigmoid(gate)) for gate in (i, f, o))
            c = self._round(self._round(f * c) + self._round(i * self._round(np.tanh(j))))
            h = self._round(o * self._round(np.tanh(c)))
            outputs[step] = h[0]
        y = self._hidden("layer_5", outputs)
        return self._round(softmax_in_groups(self._dense("layer_6", y), self._groups)), (c, h)

    def _dense(self, layer: str, x: Array) -> Array:
        return self._round(x @ self._w[f"{layer}/weights"] + self._w[f"{layer}/bias"])

    def _hidden(self, layer: str, x: Array) -> Array:
        return np.clip(self._dense(layer, x), 0, np.float32(self._clip))

    def _round(self, array: Array) -> Array:
        if not self._half:
            return np.asarray(array, np.float32)
        with np.errstate(over="ignore"):
            return np.asarray(array.astype(np.float16), np.float32)
