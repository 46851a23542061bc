"""Folding of a trained network into a plain DeepSpeech network, and back.

Batch normalisation after a dense layer, and the normalisation of the input, are linear, so
they fold into weights and biases. `unfolded_state` goes the other way: it makes the
normalisation an identity whose bias is the layer's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from streamer.acoustic.weights import Weights
from streamer.arrays import FloatArray
from streamer.errors import StreamerError
from streamer.training.network.training_network import (
    NORM_EPSILON,
    RELU_CLIP,
    NetworkShape,
    TrainingNetwork,
)

#: Dense layers that a normalisation follows, in the order of the norms.
_NORMALISED = ("layer_1", "layer_2", "layer_3", "layer_5")
#: PyTorch's gates i, f, g, o from TensorFlow's i, j (cell), f, o, and the other way round.
_GATES = (0, 2, 1, 3)


def folded_layers(network: TrainingNetwork) -> dict[str, FloatArray]:
    """Return the plain DeepSpeech network that computes the same as a trained one.

    If the network has phoneme heads, the upper one's outputs follow the letters', see
    `streamer.acoustic.weights.Weights`; the lower one is dropped. Folding is done in float64.

    Returns:
        float32 arrays by the names of ``streamer.acoustic.weights.Weights``.
    """
    shape = network.shape
    state: dict[str, Any] = {
        name: value.detach().cpu().double().numpy() for name, value in network.state_dict().items()
    }
    layers: dict[str, npt.NDArray[np.float64]] = {}
    for index, name in enumerate(_NORMALISED):
        norm = {
            key: state[f"norms.{index}.{key}"]
            for key in ("weight", "bias", "running_mean", "running_var")
        }
        factor = norm["weight"] / np.sqrt(norm["running_var"] + NORM_EPSILON)
        layers[f"{name}/weights"] = state[f"{name}.weight"].T * factor
        layers[f"{name}/bias"] = norm["bias"] - norm["running_mean"] * factor
    repeat = 2 * shape.n_context + 1
    mean, scale = np.tile(state["mean"], repeat), np.tile(state["scale"], repeat)
    first = layers["layer_1/weights"] * scale[:, None]
    layers["layer_1/weights"] = first
    layers["layer_1/bias"] = layers["layer_1/bias"] - mean @ first
    kernel = np.concatenate([state["lstm.weight_ih_l0"].T, state["lstm.weight_hh_l0"].T])
    bias = state["lstm.bias_ih_l0"] + state["lstm.bias_hh_l0"]
    order = gate_order(shape.n_hidden)
    layers["lstm/kernel"] = kernel[:, order]
    layers["lstm/bias"] = bias[order]
    outputs = ["layer_6", *(["phoneme_heads.1"] if shape.n_phonemes else [])]
    layers["layer_6/weights"] = np.concatenate([state[f"{x}.weight"].T for x in outputs], axis=1)
    layers["layer_6/bias"] = np.concatenate([state[f"{x}.bias"] for x in outputs])
    return {name: np.ascontiguousarray(value, np.float32) for name, value in layers.items()}


def folded_shape(weights: Weights) -> NetworkShape:
    """Return the sizes of a folded network in training; it has no distillation heads."""
    n_phonemes = int(weights.description["n_phonemes"])
    return NetworkShape(
        n_input=weights.n_input,
        n_context=weights.n_context,
        n_hidden=weights.n_hidden,
        n_labels=weights.n_labels - n_phonemes,
        n_phonemes=n_phonemes,
    )


def unfolded_state(weights: Weights) -> dict[str, Tensor]:
    """Return the state of a training network that computes the same as a folded one.

    The lower phoneme head is missing, as it is not in the folded network. The normalisations
    are identities in evaluation mode; `initial_weights.match_statistics` fits them to data.

    Args:
        weights: a plain DeepSpeech network.

    Returns:
        float32 tensors by the names of ``TrainingNetwork.state_dict``.

    Raises:
        StreamerError: its activations are clipped at another value than `RELU_CLIP`.
    """
    if weights.relu_clip != RELU_CLIP:
        raise StreamerError(
            f"the network's units are clipped at {weights.relu_clip:g}, not at {RELU_CLIP:g}",
            "start from another model",
        )
    n, layers = weights.n_hidden, weights.layers
    state: dict[str, FloatArray] = {
        "mean": np.zeros(weights.n_input, np.float32),
        "scale": np.ones(weights.n_input, np.float32),
    }
    for index, name in enumerate(_NORMALISED):
        state[f"{name}.weight"] = layers[f"{name}/weights"].T
        state[f"norms.{index}.weight"] = np.ones(n, np.float32)
        state[f"norms.{index}.bias"] = layers[f"{name}/bias"]
        state[f"norms.{index}.running_mean"] = np.zeros(n, np.float32)
        state[f"norms.{index}.running_var"] = np.full(n, 1 - NORM_EPSILON, np.float32)
    order = gate_order(n)
    kernel, bias = layers["lstm/kernel"][:, order], layers["lstm/bias"][order].copy()
    bias[n : 2 * n] += weights.forget_bias
    state["lstm.weight_ih_l0"], state["lstm.weight_hh_l0"] = kernel[:n].T, kernel[n:].T
    state["lstm.bias_ih_l0"], state["lstm.bias_hh_l0"] = bias, np.zeros(4 * n, np.float32)
    first = 0
    for name, size in zip(("layer_6", "phoneme_heads.1"), weights.groups):
        state[f"{name}.weight"] = layers["layer_6/weights"][:, first : first + size].T
        state[f"{name}.bias"] = layers["layer_6/bias"][first : first + size]
        first += size
    tensors = {name: torch.from_numpy(np.array(value)) for name, value in state.items()}
    for index in range(len(_NORMALISED)):
        tensors[f"norms.{index}.num_batches_tracked"] = torch.tensor(0)
    return tensors


def gate_order(n: int) -> npt.NDArray[np.int64]:
    """Return the permutation of gate units between PyTorch and TensorFlow; its own inverse."""
    return np.concatenate([np.arange(gate * n, (gate + 1) * n) for gate in _GATES])
