"""The tagger in NumPy: what the network computes, in plain sight; slower, and needs no runtime."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from streamer.arrays import FloatArray, IntArray
from streamer.text.tagger import WIDTH, Tags


class NumpyTagger:
    """A tagger made of its weights.

    Args:
        weights: by PyTorch's names, float32: ``embedding.weight`` (words, E); of each convolution
            ``ahead.0.weight`` (A, 3 E), ``ahead.1.weight`` (A, 3 A) ... and ``bias``;
            ``recurrent.weight_ih_l0`` (3 H, E + A + 4) and ``weight_hh_l0`` (3 H, H) with gates in
            the order reset, update, new and their ``bias_ih_l0``, ``bias_hh_l0``; ``weight`` (out,
            in) and ``bias`` of ``hidden``, ``marks``, ``cases``.
    """

    def __init__(self, weights: Mapping[str, FloatArray]) -> None:
        self._weights = weights
        self._convolutions = number_of_convolutions(weights)
        self.look_ahead = (WIDTH - 1) * self._convolutions
        self.state_size = weights["recurrent.weight_hh_l0"].shape[1]

    def tag(
        self,
        numbers: IntArray,
        ahead: IntArray,
        pauses: FloatArray,
        before: FloatArray,
        state: FloatArray,
    ) -> Tags:
        """Tag words that follow each other; see `streamer.text.tagger.Tagger`."""
        windows = self._weights["embedding.weight"][np.column_stack([numbers, ahead])]
        seen = np.concatenate([windows[:, 0], self._coming(windows), pauses], axis=1)
        states = self._states(np.concatenate([seen, before], axis=1), state)
        hidden = np.maximum(self._dense("hidden", np.concatenate([states, seen], axis=1)), 0)
        return Tags(self._dense("marks", hidden), self._dense("cases", hidden), states)

    def _coming(self, windows: FloatArray) -> FloatArray:
        """Return what each word and those behind it come to, (n, A)."""
        for layer in range(self._convolutions):
            columns = windows.shape[1] - WIDTH + 1
            neighbours = [windows[:, k : k + columns] for k in range(WIDTH)]
            dense = self._dense(f"ahead.{layer}", np.concatenate(neighbours, axis=2))
            windows = np.maximum(dense, 0)
        return windows[:, 0]

    def _dense(self, name: str, values: FloatArray) -> FloatArray:
        result: FloatArray = (
            values @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        )
        return result

    def _states(self, inputs: FloatArray, state: FloatArray) -> FloatArray:
        """Run the recurrent layer (Cho et al. 2014, reset after the product as in cuDNN)."""
        weights = self._weights
        from_input = inputs @ weights["recurrent.weight_ih_l0"].T + weights["recurrent.bias_ih_l0"]
        states = []
        for row in from_input:
            from_state = weights["recurrent.weight_hh_l0"] @ state + weights["recurrent.bias_hh_l0"]
            reset_i, update_i, new_i = np.split(row, 3)
            reset_h, update_h, new_h = np.split(from_state, 3)
            reset = _sigmoid(reset_i + reset_h)
            update = _sigmoid(update_i + update_h)
            new = np.tanh(new_i + reset * new_h)
            state = (1 - update) * new + update * state
            states.append(state)
        return np.stack(states)


def number_of_convolutions(weights: Mapping[str, FloatArray]) -> int:
    """Return how many convolutions a tagger has."""
    return sum(name.startswith("ahead.") and name.endswith(".weight") for name in weights)


def _sigmoid(values: FloatArray) -> FloatArray:
    result: FloatArray = np.float32(1) / (1 + np.exp(-values))
    return result
