"""A small change of a network, for one speaker: a few thousand numbers instead of millions.

What can change: gain and offset of each coefficient, the biases, and the amplitude of each hidden
unit (Swietojanski and Renals, "Learning hidden unit contributions for unsupervised speaker
adaptation of neural network acoustic models", 2014). All of it is linear on one side of a unit,
so it folds into the weights: the adapted network has the same graph and costs the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from streamer.acoustic.weights import Weights
from streamer.arrays import FloatArray
from streamer.training.network import kernels
from streamer.training.network.folding import gate_order, unfolded_state

#: Layers whose units have an amplitude, and whose weights then take it in.
_READ_BY = ("layer_2", "layer_3", "lstm", "layer_5", "layer_6")
_BIASES = ("layer_1", "layer_2", "layer_3", "lstm", "layer_5", "layer_6")


class AdaptedNetwork(nn.Module):
    """A network with a small, foldable change; at first the change is none.

    Args:
        weights: the network.
        deviation: standard deviation of each coefficient, float32 (n_input,): the unit of
            the offsets.
        fast: whether `streamer.training.network.kernels` computes the recurrence.

    Raises:
        StreamerError: the network's units are clipped at another value than DeepSpeech's.
    """

    def __init__(self, weights: Weights, deviation: FloatArray, fast: bool = False) -> None:
        super().__init__()
        self._weights = weights
        self._layers = {name: torch.from_numpy(np.array(x)) for name, x in weights.layers.items()}
        n_input, n_hidden = weights.n_input, weights.n_hidden
        self._lstm = nn.LSTM(n_hidden, n_hidden)
        state = unfolded_state(weights)
        self._lstm.load_state_dict(
            {n.partition(".")[2]: t for n, t in state.items() if "lstm" in n}
        )
        self._lstm.requires_grad_(False)
        self._gates = torch.from_numpy(gate_order(n_hidden))
        self._fast = fast
        self._deviation = torch.from_numpy(deviation)
        self.gain = nn.Parameter(torch.zeros(n_input))
        self.offset = nn.Parameter(torch.zeros(n_input))
        self.amplitudes = nn.ParameterDict({n: torch.zeros(n_hidden) for n in _READ_BY})
        self.biases = nn.ParameterDict(
            {name: torch.zeros_like(self._layers[f"{name}/bias"]) for name in _BIASES}
        )

    def forward(self, clips: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return the logits of letters, and of phonemes if there are any.

        Args:
            clips: coefficients, float32 (n, n_input) each.

        Returns:
            float32 (frames, labels) each, the clips one after the other.
        """
        n_frames = torch.tensor([len(clip) for clip in clips])
        x = torch.cat([self._windows(clip) for clip in clips])
        x = self._dense(x, "layer_1")
        x = self._dense(self._scaled(x, "layer_2"), "layer_2")
        x = self._dense(self._scaled(x, "layer_3"), "layer_3")
        x = self._recurrent(self._scaled(x, "lstm"), n_frames)
        x = self._dense(self._scaled(x, "layer_5"), "layer_5")
        logits = self._affine(self._scaled(x, "layer_6"), "layer_6")
        return tuple(logits.split(self._weights.groups, dim=1))

    def _windows(self, clip: Tensor) -> Tensor:
        """Return each frame with its context, (frames, (2 n_context + 1) n_input)."""
        context = self._weights.n_context
        # The framer pads with zeros before the network sees them, so those change as well.
        padded = nn.functional.pad(clip, (0, 0, context, context))
        changed = padded * self._gain() + self._offset()
        return changed.unfold(0, 2 * context + 1, 1).transpose(1, 2).flatten(1)

    def _gain(self) -> Tensor:
        return self.gain.exp()

    def _offset(self) -> Tensor:
        return self.offset * self._deviation

    def _amplitude(self, reader: str) -> Tensor:
        return 2 * torch.sigmoid(self.amplitudes[reader])

    def _scaled(self, x: Tensor, reader: str) -> Tensor:
        return x * self._amplitude(reader)

    def _affine(self, x: Tensor, name: str) -> Tensor:
        bias = self._layers[f"{name}/bias"] + self.biases[name]
        return x @ self._layers[f"{name}/weights"] + bias

    def _dense(self, x: Tensor, name: str) -> Tensor:
        return self._affine(x, name).clamp(0.0, self._weights.relu_clip)

    def _recurrent(self, x: Tensor, n_frames: Tensor) -> Tensor:
        """Return the LSTM's outputs, (frames, n_hidden); the state is zero before each clip."""
        lstm = self._lstm
        bias = lstm.bias_ih_l0 + self.biases["lstm"][self._gates]
        if self._fast:
            gates = nn.functional.linear(x, lstm.weight_ih_l0, bias).bfloat16()
            return kernels.recurrence(gates, n_frames, lstm.weight_hh_l0).float()
        lengths = n_frames.tolist()
        padded = nn.utils.rnn.pad_sequence(list(x.split(lengths)))
        outputs, _ = torch.func.functional_call(lstm, {"bias_ih_l0": bias}, (padded,))
        return torch.cat([outputs[:n, clip] for clip, n in enumerate(lengths)])

    @torch.no_grad()
    def folded(self) -> Weights:
        """Return the changed network as plain weights."""
        layers = {name: x.clone() for name, x in self._layers.items()}
        for name in _BIASES:
            layers[f"{name}/bias"] += self.biases[name]
        for reader in _READ_BY:
            rows = layers["lstm/kernel" if reader == "lstm" else f"{reader}/weights"]
            rows[: self._weights.n_hidden] *= self._amplitude(reader)[:, None]
        repeat = 2 * self._weights.n_context + 1
        layers["layer_1/bias"] += self._offset().repeat(repeat) @ layers["layer_1/weights"]
        layers["layer_1/weights"] *= self._gain().repeat(repeat)[:, None]
        return replace(self._weights, layers={name: x.numpy() for name, x in layers.items()})
