"""The forward pass in NumPy: the reference for the other backends and for tests."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController

from streamer.acoustic.contract import DEFAULT_STEPS, State, check_call, finite, zero_state
from streamer.acoustic.weights import Weights
from streamer.arrays import Array, FloatArray

#: Whether `subprocess` forks so that OpenBLAS ends its threads first: a product that they work on,
#: while another thread starts a program, never ends. From Python 3.10 on it does not.
_STARTING_ENDS_THREADS = sys.version_info < (3, 10)


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)), computed with tanh, which cannot overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))


def softmax(x: Array, axis: int = -1) -> Array:
    """Return the softmax along an axis."""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


def softmax_in_groups(x: Array, groups: Sequence[int]) -> Array:
    """Return the softmax of each row, separately for each group of columns."""
    parts = np.split(x, np.cumsum(groups)[:-1], axis=-1)
    return np.concatenate([softmax(part) for part in parts], axis=-1)


class NumpyAcousticModel:
    """A DeepSpeech network in NumPy; see `AcousticModel`.

    Args:
        weights: the network.
        n_steps: steps in a window; if None the number in the weights'
            description, or `DEFAULT_STEPS`. `infer` accepts windows of any length.
        dtype: ``float64`` makes it a reference for float32 backends.
        path: the file of the weights, for errors.
    """

    backend = "numpy"
    compute_unit = "CPU"
    flexible_steps = True

    def __init__(
        self,
        weights: Weights,
        n_steps: int | None = None,
        dtype: npt.DTypeLike = np.float32,
        path: Path | None = None,
    ) -> None:
        self._path = path
        self.n_context = weights.n_context
        self.n_input = weights.n_input
        self.n_hidden = weights.n_hidden
        self.n_labels = weights.n_labels
        described = int(weights.description.get("n_steps") or DEFAULT_STEPS)
        self.n_steps = described if n_steps is None else n_steps
        self._groups = weights.groups
        self._clip = weights.relu_clip
        self._forget_bias = weights.forget_bias
        self._dtype = np.dtype(dtype)
        # No copy if the weights have this dtype already.
        self._threads = ThreadpoolController() if _STARTING_ENDS_THREADS else None
        self._w = {name: np.asarray(a, self._dtype) for name, a in weights.layers.items()}

    def initial_state(self) -> State:
        """See `AcousticModel.initial_state`."""
        return zero_state(self.n_hidden)

    def infer(self, window: FloatArray, n: int, state: State) -> tuple[FloatArray, State]:
        """See `AcousticModel.infer`; only the ``n`` real steps are computed."""
        check_call(self, window, n, state)
        with self._safe_products():
            probabilities, (c, h) = self.forward(window, n, state)
        return (
            finite(probabilities.astype(np.float32, copy=False), self._path),
            (c.astype(np.float32, copy=False), h.astype(np.float32, copy=False)),
        )

    def _safe_products(self) -> AbstractContextManager[Any]:
        """Return a context in which products end even if the process forks."""
        if self._threads is None:
            return nullcontext()
        limit: AbstractContextManager[Any] = self._threads.limit(limits=1, user_api="blas")
        return limit

    def forward(
        self, window: Array, n: int, state: tuple[Array, Array]
    ) -> tuple[Array, tuple[Array, Array]]:
        """Run `infer` without checks; inputs and outputs have the dtype of this model."""
        x = window[0, :n].reshape(n, -1).astype(self._dtype, copy=False)
        for layer in ("layer_1", "layer_2", "layer_3"):
            x = self._hidden(layer, x)
        x, state = self._lstm(x, state)
        x = self._hidden("layer_5", x)
        return softmax_in_groups(self._dense("layer_6", x), self._groups), state

    def _dense(self, layer: str, x: Array) -> Array:
        return np.asarray(x @ self._w[f"{layer}/weights"] + self._w[f"{layer}/bias"])

    def _hidden(self, layer: str, x: Array) -> Array:
        return np.clip(self._dense(layer, x), 0, self._clip)

    def _lstm(self, x: Array, state: tuple[Array, Array]) -> tuple[Array, tuple[Array, Array]]:
        size = self.n_hidden
        kernel, bias = self._w["lstm/kernel"], self._w["lstm/bias"]
        c, h = (np.asarray(part, self._dtype) for part in state)
        # One product covers the inputs of all steps; the recurrent product is one a step.
        inputs = x @ kernel[:size] + bias
        recurrent = kernel[size:]
        outputs = np.empty_like(x)
        for step in range(len(x)):
            i, j, f, o = np.split(inputs[step : step + 1] + h @ recurrent, 4, axis=1)
            c = sigmoid(f + self._forget_bias) * c + sigmoid(i) * np.tanh(j)
            h = sigmoid(o) * np.tanh(c)
            outputs[step] = h[0]
        return outputs, (c, h)
