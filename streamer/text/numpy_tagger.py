"""The tagger in NumPy: what the network computes, in plain sight; slower, and needs no runtime."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from streamer.arrays import FloatArray, IntArray
from streamer.text.tagger import Tags


class NumpyTagger:
    """A tagger made of its weights.

    Args:
        weights: by PyTorch's names, float32: ``embedding.weight`` (words, E),
            ``recurrent.weight_ih_l0`` (3 H, E + 2) and ``weight_hh_l0`` (3 H, H) with gates in the
            order reset, update, new and their ``bias_ih_l0``, ``bias_hh_l0``, and ``weight`` (out,
            in) and ``bias`` of ``ahead``, ``hidden``, ``marks``, ``cases``.
    """

    def __init__(self, weights: Mapping[str, FloatArray]) -> None:
        self._weights = weights
        embedding = weights["embedding.weight"].shape[1]
        self.look_ahead = weights["ahead.weight"].shape[1] // embedding
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
        embedding = self._weights["embedding.weight"]
        words = embedding[numbers]
        states = self._states(np.concatenate([words, before], axis=1), state)
        coming = np.maximum(self._dense("ahead", embedding[ahead].reshape(len(numbers), -1)), 0)
        seen = np.concatenate([states, words, coming, pauses], axis=1)
        hidden = np.maximum(self._dense("hidden", seen), 0)
        return Tags(self._dense("marks", hidden), self._dense("cases", hidden), states)

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


def _sigmoid(values: FloatArray) -> FloatArray:
    result: FloatArray = np.float32(1) / (1 + np.exp(-values))
    return result
