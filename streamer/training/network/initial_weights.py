"""Initial weights of a training, from a checkpoint or from a bundle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from streamer.acoustic.weights import Weights
from streamer.arrays import FloatArray
from streamer.bundle import Bundle, load_bundle
from streamer.convert.readers import read_network
from streamer.decoding.lexicon.leaves import Leaves, read_leaves
from streamer.errors import StreamerError
from streamer.training.network.checkpoint import averaged_state, read_checkpoint
from streamer.training.network.folding import folded_shape, unfolded_state
from streamer.training.network.training_network import NetworkShape, TrainingNetwork

#: Endings of checkpoint files; everything else names a bundle.
_CHECKPOINT_SUFFIXES = (".pt", ".pth")
#: Noise that separates copied units, as a share of a matrix's standard deviation.
_COPY_NOISE = 0.02


@dataclass(frozen=True)
class InitialWeights:
    """Weights to start from.

    Attributes:
        shape: sizes of their network.
        state: float32 tensors by the names of ``TrainingNetwork.state_dict``; heads may be missing.
        front_end: the ``front_end`` entry that the network was trained with.
        folded: whether the normalisations are identities: training needs `match_statistics`.
    """

    shape: NetworkShape
    state: dict[str, Tensor]
    front_end: dict[str, Any]
    folded: bool = False


def read_initial_weights(source: str | Path) -> InitialWeights:
    """Read weights to start from.

    Args:
        source: checkpoint file, folder of a bundle, or name of a model.

    Raises:
        StreamerError: there is no such checkpoint or bundle, or it cannot be read.
        ModelError: the bundle has no network in float32.
    """
    path = Path(source)
    if path.suffix in _CHECKPOINT_SUFFIXES or (path.is_file() and path.suffix != ".json"):
        checkpoint = read_checkpoint(path)
        shape = NetworkShape(**checkpoint["shape"])
        return InitialWeights(shape, averaged_state(checkpoint), checkpoint["front_end"])
    bundle = load_bundle(source)
    weights = read_bundle_weights(bundle)
    shape, state = folded_shape(weights), unfolded_state(weights)
    if bundle.leaves_path is not None:
        leaves = read_leaves(bundle.leaves_path)
        shape = replace(shape, n_phonemes=len(leaves.first) + 1, n_leaves=len(leaves))
        state["phoneme_leaves"] = torch.from_numpy(leaves.table)
    return InitialWeights(shape, state, dict(bundle.front_end_description), True)


def read_bundle_weights(bundle: Bundle) -> Weights:
    """Read the weights of a bundle's network in float32.

    Raises:
        ModelError: it has none.
    """
    _, network = bundle.choose_network("numpy" if "numpy" in bundle.networks else "onnx")
    return read_network(network)


def with_leaves(
    initial: InitialWeights, leaves: Leaves, shares: npt.NDArray[np.float64]
) -> InitialWeights:
    """Return weights of a network whose upper phoneme head has leaves instead of phonemes.

    Each leaf begins as its phoneme with a share of its probability, so the probabilities of the
    other labels, and that of all leaves of a phoneme together, are what they were.

    Args:
        initial: weights without leaves; a missing phoneme head stays missing.
        leaves: the leaves.
        shares: share of each leaf in its phoneme, float64 (n_leaves,).
    """
    state = {**initial.state, "phoneme_leaves": torch.from_numpy(leaves.table)}
    weight, bias = (state.pop(f"phoneme_heads.1.{part}", None) for part in ("weight", "bias"))
    if weight is not None and bias is not None:
        rows = torch.from_numpy(np.append(leaves.phonemes, len(leaves.first)))
        split = torch.from_numpy(np.log(np.append(shares, 1.0))).to(bias.dtype)
        state["phoneme_heads.1.weight"] = weight[rows]
        state["phoneme_heads.1.bias"] = bias[rows] + split
    return replace(initial, shape=replace(initial.shape, n_leaves=len(leaves)), state=state)


def load_weights(network: TrainingNetwork, initial: InitialWeights) -> None:
    """Load initial weights into a network; heads they do not have stay as they are.

    A network that is wider than the initial one starts with duplicated units, see `widened`.

    Raises:
        StreamerError: the hidden layers have other sizes, and are not wider.
    """
    own = network.state_dict()
    state = initial.state
    if network.shape.n_hidden > initial.shape.n_hidden:
        state = widened(state, network.shape.n_hidden)
    taken = {
        name: value
        for name, value in state.items()
        if name in own and own[name].shape == value.shape
    }
    missing = [n for n in own if n not in taken and not n.startswith(("phoneme_", "teacher_"))]
    if missing:
        raise StreamerError(
            f"{missing[0]} of the weights to start from has another shape",
            "choose the width it was trained with, or a larger one (--width)",
        )
    network.load_state_dict({**own, **taken})


def widened(
    state: dict[str, Tensor], n_hidden: int, noise: float = _COPY_NOISE
) -> dict[str, Tensor]:
    """Return the weights of a wider network that computes the same as a narrower one.

    Some units of each layer are duplicated, and the weights that read them are divided by the
    number of copies (Chen et al., "Net2Net", 2016); a little noise lets the copies diverge.

    Args:
        state: as of `TrainingNetwork.state_dict`.
        n_hidden: units of each hidden layer, more than there are.
        noise: noise in the matrices, as a share of their standard deviation.
    """
    old = state["layer_2.weight"].shape[0]
    unit = torch.cat([torch.arange(old), torch.randint(old, (n_hidden - old,))])
    copies = torch.bincount(unit)[unit].float()
    result = {}
    for name, value in state.items():
        new = value
        if not value.is_floating_point():
            result[name] = value
            continue
        if name.startswith("lstm."):
            new = value.view(4, old, *value.shape[1:])[:, unit].flatten(0, 1)
        elif value.dim() and value.shape[0] == old and name.startswith(("layer_", "norms.")):
            new = value[unit]
        # All matrices but the first read from hidden units.
        if value.dim() == 2 and name != "layer_1.weight":
            new = new[:, unit] / copies
        if value.dim() == 2:
            new = new + noise * float(value.std()) * torch.randn(new.shape)
        result[name] = new
    return result


@torch.no_grad()
def match_statistics(
    network: TrainingNetwork,
    mean: FloatArray,
    deviation: FloatArray,
    batches: Iterable[tuple[Tensor, Tensor]],
) -> None:
    """Fit the normalisations of a network to data; in evaluation mode it computes the same.

    In training mode a batch normalisation uses the statistics of the batch. Unless those are its
    running statistics, as they are not after `folding.unfolded_state`, the training would start
    from another network.

    Args:
        network: changed in place.
        mean: mean of each coefficient, float32 (n_input,).
        deviation: its standard deviation, float32 (n_input,).
        batches: vectors and numbers of frames, as `TrainingNetwork.forward` takes them.
    """
    norms = [cast(nn.BatchNorm1d, norm) for norm in network.norms]
    _match_inputs(network, norms[0], mean, deviation)
    moments = [_Moments() for _ in norms]
    hooks = [norm.register_forward_pre_hook(each) for norm, each in zip(norms, moments)]
    was_training = network.training
    network.eval()
    for vectors, n_frames in batches:
        network(vectors, n_frames)
    network.train(was_training)
    for hook in hooks:
        hook.remove()
    for norm, each in zip(norms, moments):
        old_mean, old_variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
        new_mean, new_variance = (value.to(old_mean.dtype) for value in each.mean_and_variance())
        gain = norm.weight / (old_variance + norm.eps).sqrt()
        norm.bias += (new_mean - old_mean) * gain
        norm.weight.copy_(gain * (new_variance + norm.eps).sqrt())
        old_mean.copy_(new_mean)
        old_variance.copy_(new_variance)


def _match_inputs(
    network: TrainingNetwork, norm: nn.BatchNorm1d, mean: FloatArray, deviation: FloatArray
) -> None:
    """Change the normalisation of coefficients, and the first layer to compute the same."""
    repeat = 2 * network.shape.n_context + 1
    old_mean, old_scale = network.mean.clone(), network.scale.clone()
    network.set_normalisation(mean, deviation)
    shift = ((network.mean - old_mean) * old_scale).repeat(repeat)
    gain = norm.weight / (cast(Tensor, norm.running_var) + norm.eps).sqrt()
    norm.bias += gain * (network.layer_1.weight @ shift)
    network.layer_1.weight *= (old_scale / network.scale).repeat(repeat)


class _Moments:
    """Adds up the inputs of a module, as a forward pre-hook."""

    def __init__(self) -> None:
        self._count = 0
        self._sum: Any = 0.0
        self._square: Any = 0.0

    def __call__(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0].double()
        self._count += len(x)
        self._sum, self._square = self._sum + x.sum(dim=0), self._square + (x**2).sum(dim=0)

    def mean_and_variance(self) -> tuple[Tensor, Tensor]:
        """Return both, float64 (width,)."""
        mean = self._sum / self._count
        return mean, (self._square / self._count - mean**2).clamp(min=1e-6)
