"""The network while it is trained: DeepSpeech's shape plus what falls away at export.

Three things are here only in training: batch normalisation after the dense
layers (it folds into their weights), the heads for phonemes and for the
teacher's vectors, and dropout. What is left is a plain DeepSpeech network:
dense, dense, dense, LSTM, dense, dense, softmax.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from streamer.arrays import FloatArray
from streamer.training.data.distillation import STRIDE
from streamer.training.network import kernels

#: DeepSpeech clips its rectified units here.
RELU_CLIP = 20.0
#: Added to a variance before its root is taken, as torch does.
_EPSILON = 1e-5


@dataclass(frozen=True)
class NetworkShape:
    """Sizes of a network.

    Attributes:
        n_input: coefficients in a vector.
        n_context: vectors before and after the one in the middle.
        n_hidden: units of every hidden layer.
        n_labels: letters and the blank, which is last.
        n_phonemes: phonemes and their blank, which is last; 0 for no such head.
        n_teacher: width of the teacher's vectors; 0 for no such heads.
    """

    n_input: int = 26
    n_context: int = 9
    n_hidden: int = 512
    n_labels: int = 29
    n_phonemes: int = 0
    n_teacher: int = 0

    def as_dict(self) -> dict[str, int]:
        """Return the fields by name."""
        return asdict(self)


class Outputs(NamedTuple):
    """What the network says about a batch: real frames only, clip after clip.

    Attributes:
        letters: before the softmax, float32 (frames, n_labels).
        phonemes: the same for phonemes, from below the LSTM and from above it; or nothing.
        teacher: (frames / STRIDE, n_teacher) for each of its heads, see `teacher.STRIDE`.
    """

    letters: Tensor
    phonemes: list[Tensor]
    teacher: list[Tensor]


class TrainingNetwork(nn.Module):
    """DeepSpeech with batch normalisation, dropout and further heads.

    Args:
        shape: sizes.
        dropout: share of the units of each layer that are silenced while training.
        fast: whether training steps go through `streamer.training.network.kernels`.
    """

    def __init__(self, shape: NetworkShape, dropout: float = 0.0, fast: bool = False) -> None:
        super().__init__()
        self.shape = shape
        self.dropout = dropout
        self.fast = fast
        n = shape.n_hidden
        width = (2 * shape.n_context + 1) * shape.n_input
        self.register_buffer("mean", torch.zeros(shape.n_input))
        self.register_buffer("scale", torch.ones(shape.n_input))
        # Biases of the dense layers come from the normalisation that follows them.
        self.layer_1 = nn.Linear(width, n, bias=False)
        self.layer_2 = nn.Linear(n, n, bias=False)
        self.layer_3 = nn.Linear(n, n, bias=False)
        self.layer_5 = nn.Linear(n, n, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm1d(n, eps=_EPSILON) for _ in range(4)])
        self.lstm = nn.LSTM(n, n)
        self.layer_6 = nn.Linear(n, shape.n_labels)
        self.phoneme_heads = nn.ModuleList(
            [nn.Linear(n, shape.n_phonemes) for _ in range(2)] if shape.n_phonemes else []
        )
        self.teacher_heads = nn.ModuleList(
            [nn.Linear(n, shape.n_teacher) for _ in range(2)] if shape.n_teacher else []
        )
        self._initialise()

    def _initialise(self) -> None:
        n = self.shape.n_hidden
        for layer in (self.layer_1, self.layer_2, self.layer_3, self.layer_5):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        for gate in range(4):
            rows = slice(gate * n, (gate + 1) * n)
            nn.init.orthogonal_(self.lstm.weight_ih_l0.data[rows])
            nn.init.orthogonal_(self.lstm.weight_hh_l0.data[rows])
        nn.init.zeros_(self.lstm.bias_ih_l0)
        nn.init.zeros_(self.lstm.bias_hh_l0)
        # Torch orders the gates i, f, g, o: begin by remembering.
        self.lstm.bias_ih_l0.data[n : 2 * n] = 1.0

    def set_normalisation(self, mean: FloatArray, deviation: FloatArray) -> None:
        """Set what brings coefficients to mean 0 and deviation 1; it folds into layer 1."""
        self.mean.copy_(torch.from_numpy(mean))
        self.scale.copy_(torch.from_numpy(1.0 / deviation))

    def _dense(self, x: Tensor, layer: nn.Linear, norm: nn.Module) -> Tensor:
        y = layer(x)
        if self.fast and self.training:
            return kernels.normalised(y, cast(nn.BatchNorm1d, norm), RELU_CLIP, self.dropout)
        return self._drop(norm(y.float()).clamp(0.0, RELU_CLIP))

    def _drop(self, x: Tensor) -> Tensor:
        if self.fast and self.training:
            return kernels.dropped(x, self.dropout) if self.dropout else x
        return nn.functional.dropout(x, self.dropout, self.training)

    def forward(self, vectors: Tensor, n_frames: Tensor) -> Outputs:
        """Return what the network says of clips.

        Args:
            vectors: float32 (batch, time + 2 n_context, n_input): clips between vectors
                of zeros, as the framer puts them.
            n_frames: int64 (batch,): real frames of each.
        """
        # Only real frames go through the dense layers, so padding costs nothing and
        # does not disturb the statistics of the normalisation.
        x = self._windows(vectors, n_frames)
        x = self._dense(x, self.layer_1, self.norms[0])
        x = self._dense(x, self.layer_2, self.norms[1])
        x = third = self._dense(x, self.layer_3, self.norms[2])
        recurrent = self._recurrence(x, n_frames)
        x = self._drop(recurrent)
        x = self._dense(x, self.layer_5, self.norms[3])
        letters = self.layer_6(x).float()
        phonemes = [head(layer).float() for head, layer in zip(self.phoneme_heads, (third, x))]
        teacher: list[Tensor] = []
        if self.training:
            heads = zip(self.teacher_heads, (third, recurrent))
            teacher = [head(layer[::STRIDE]) for head, layer in heads]
        return Outputs(letters, phonemes, teacher)

    def _windows(self, vectors: Tensor, n_frames: Tensor) -> Tensor:
        """Return the frames with their context, (frames, (2 n_context + 1) n_input)."""
        normal = (vectors - self.mean) * self.scale
        if torch.is_autocast_enabled(vectors.device.type):
            normal = normal.to(torch.get_autocast_dtype(vectors.device.type))
        clips, rows, size = normal.shape
        width = 2 * self.shape.n_context + 1
        # One row for each frame of all clips and the padding between them; they overlap.
        flat = normal.contiguous().as_strided((clips * rows - width + 1, width * size), (size, 1))
        return flat.index_select(0, _frame_rows(n_frames, rows))

    def _recurrence(self, x: Tensor, n_frames: Tensor) -> Tensor:
        """Return the LSTM's outputs, (frames, n_hidden), each clip from a state of zeros."""
        if self.fast and self.training:
            lstm = self.lstm
            gates = nn.functional.linear(x, lstm.weight_ih_l0, lstm.bias_ih_l0 + lstm.bias_hh_l0)
            return kernels.recurrence(gates, n_frames, lstm.weight_hh_l0)
        time = int(n_frames.max())
        rows = _frame_rows(n_frames, time)
        padded = x.new_zeros((len(n_frames) * time, x.shape[1])).index_copy(0, rows, x)
        hidden, _ = self.lstm(padded.view(len(n_frames), time, -1).transpose(0, 1))
        return cast(Tensor, hidden.transpose(0, 1).reshape(-1, x.shape[1])[rows])

    def matrices(self) -> list[tuple[nn.Parameter, int]]:
        """Return the hidden matrices and how many stand on top of each other in each."""
        dense = [self.layer_1, self.layer_2, self.layer_3, self.layer_5]
        single = [(cast(nn.Parameter, layer.weight), 1) for layer in dense]
        return [*single, (self.lstm.weight_ih_l0, 4), (self.lstm.weight_hh_l0, 4)]


#: Of the deviation of a matrix: copied units are told apart by so much.
_NOISE_OF_COPIES = 0.02


def widened(
    state: dict[str, Tensor], n_hidden: int, noise: float = _NOISE_OF_COPIES
) -> dict[str, Tensor]:
    """Return the weights of a wider network that says what a narrower one says.

    Some units of each layer are there twice or more, and what is read from them is divided by
    their number (Chen et al., "Net2Net", 2016); a little noise lets the copies go apart.

    Args:
        state: as of `TrainingNetwork.state_dict`.
        n_hidden: units of each hidden layer, more than there are.
        noise: added to the matrices, as a share of their deviation.
    """
    old = state["layer_2.weight"].shape[0]
    unit = torch.cat([torch.arange(old), torch.randint(old, (n_hidden - old,))])
    copies = torch.bincount(unit)[unit].float()
    result = {}
    for name, value in state.items():
        new = value
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


def _frame_rows(n_frames: Tensor, stride: int) -> Tensor:
    """Return where the real frames are if every clip has ``stride`` rows, int64 (frames,)."""
    clip = torch.arange(len(n_frames), device=n_frames.device).repeat_interleave(n_frames)
    within = torch.arange(len(clip), device=n_frames.device)
    first = n_frames.cumsum(0) - n_frames
    return clip * stride + within - first[clip]


def plain_layers(network: TrainingNetwork) -> dict[str, FloatArray]:
    """Return the plain DeepSpeech network that a trained one amounts to.

    One that learned phonemes hears them too, see `streamer.acoustic.weights.Weights`.

    Batch normalisation and the normalisation of the input are folded in, in
    float64; torch's gates i, f, g, o become TensorFlow's i, j, f, o.

    Returns:
        float32 arrays by the names of ``streamer.acoustic.weights.Weights``.
    """
    shape = network.shape
    state: dict[str, Any] = {
        name: value.detach().cpu().double().numpy() for name, value in network.state_dict().items()
    }
    layers: dict[str, npt.NDArray[np.float64]] = {}
    for index, name in enumerate(("layer_1", "layer_2", "layer_3", "layer_5")):
        norm = {
            key: state[f"norms.{index}.{key}"]
            for key in ("weight", "bias", "running_mean", "running_var")
        }
        factor = norm["weight"] / np.sqrt(norm["running_var"] + _EPSILON)
        layers[f"{name}/weights"] = state[f"{name}.weight"].T * factor
        layers[f"{name}/bias"] = norm["bias"] - norm["running_mean"] * factor
    repeat = 2 * shape.n_context + 1
    mean, scale = np.tile(state["mean"], repeat), np.tile(state["scale"], repeat)
    first = layers["layer_1/weights"] * scale[:, None]
    layers["layer_1/weights"] = first
    layers["layer_1/bias"] = layers["layer_1/bias"] - mean @ first
    n = shape.n_hidden
    kernel = np.concatenate([state["lstm.weight_ih_l0"].T, state["lstm.weight_hh_l0"].T])
    bias = state["lstm.bias_ih_l0"] + state["lstm.bias_hh_l0"]
    order = np.concatenate([np.arange(gate * n, (gate + 1) * n) for gate in (0, 2, 1, 3)])
    layers["lstm/kernel"] = kernel[:, order]
    layers["lstm/bias"] = bias[order]
    # The phonemes heard above the LSTM come behind the letters; those from below it stay here.
    outputs = ["layer_6", *(["phoneme_heads.1"] if shape.n_phonemes else [])]
    layers["layer_6/weights"] = np.concatenate([state[f"{x}.weight"].T for x in outputs], axis=1)
    layers["layer_6/bias"] = np.concatenate([state[f"{x}.bias"] for x in outputs])
    return {name: np.ascontiguousarray(value, np.float32) for name, value in layers.items()}
