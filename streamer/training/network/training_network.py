"""The network in training: DeepSpeech's layers, and what is folded or dropped at export.

Three things exist only in training: batch normalisation after the dense layers, which
`streamer.training.network.folding` folds into their weights; the lower phoneme head and the
heads for the teacher's codebooks; and dropout. The exported network is a plain DeepSpeech
network: dense, dense, dense, LSTM, dense, dense, softmax.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from streamer.arrays import FloatArray
from streamer.decoding.lexicon.leaves import Leaves
from streamer.training.data.codebooks import N_ENTRIES
from streamer.training.data.distillation import STRIDE
from streamer.training.network import kernels

#: DeepSpeech clips its rectified units here.
RELU_CLIP = 20.0
#: Added to a variance before its root is taken: PyTorch's default.
NORM_EPSILON = 1e-5


@dataclass(frozen=True)
class NetworkShape:
    """Sizes of a network.

    Attributes:
        n_input: coefficients in a vector.
        n_context: vectors of context on either side.
        n_hidden: units in each hidden layer.
        n_labels: letters and the blank, which is last.
        n_phonemes: phonemes and their blank, which is last; 0 for no phoneme heads.
        n_teacher: codebooks of the teacher's vectors; 0 for no distillation heads.
        n_leaves: leaves of the upper phoneme head, see `streamer.decoding.lexicon.leaves`,
            without the blank; 0 if it has phonemes.
    """

    n_input: int = 26
    n_context: int = 9
    n_hidden: int = 512
    n_labels: int = 29
    n_phonemes: int = 0
    n_teacher: int = 0
    n_leaves: int = 0

    @property
    def n_upper(self) -> int:
        """Outputs of the upper phoneme head."""
        return self.n_leaves + 1 if self.n_leaves else self.n_phonemes

    def as_dict(self) -> dict[str, int]:
        """Return the fields by name."""
        return asdict(self)


class Outputs(NamedTuple):
    """Outputs for a batch: frames without padding, the clips one after the other.

    Attributes:
        letters: logits, float32 (frames, n_labels).
        phonemes: logits of the heads below and above the LSTM, or an empty list. The upper
            one's labels are leaves if the network has them.
        teacher: logits of the indices in the teacher's codebooks,
            (frames / STRIDE, n_teacher, N_ENTRIES) for each head, see `distillation.STRIDE`.
    """

    letters: Tensor
    phonemes: list[Tensor]
    teacher: list[Tensor]


class TrainingNetwork(nn.Module):
    """DeepSpeech with batch normalisation, dropout and further heads.

    Args:
        shape: sizes.
        dropout: share of each layer's units that are dropped in training.
        fast: whether `streamer.training.network.kernels` computes training steps.
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
        # Batch normalisation has the biases of the dense layers.
        self.layer_1 = nn.Linear(width, n, bias=False)
        self.layer_2 = nn.Linear(n, n, bias=False)
        self.layer_3 = nn.Linear(n, n, bias=False)
        self.layer_5 = nn.Linear(n, n, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm1d(n, eps=NORM_EPSILON) for _ in range(4)])
        self.lstm = nn.LSTM(n, n)
        self.layer_6 = nn.Linear(n, shape.n_labels)
        self.phoneme_heads = nn.ModuleList(
            [nn.Linear(n, size) for size in (shape.n_phonemes, shape.n_upper)]
            if shape.n_phonemes
            else []
        )
        if shape.n_leaves:
            size = (shape.n_phonemes, shape.n_phonemes - 1)
            self.register_buffer("phoneme_leaves", torch.zeros(size, dtype=torch.long))
        self.teacher_heads = nn.ModuleList(
            [nn.Linear(n, shape.n_teacher * N_ENTRIES) for _ in range(2)] if shape.n_teacher else []
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
        # PyTorch's gates are i, f, g, o. The forget gate is open at first.
        self.lstm.bias_ih_l0.data[n : 2 * n] = 1.0

    @property
    def leaves(self) -> Leaves | None:
        """Leaves of the upper phoneme head, or None."""
        if not self.shape.n_leaves:
            return None
        return Leaves(cast(Tensor, self.phoneme_leaves).cpu().numpy())

    def set_leaves(self, leaves: Leaves) -> None:
        """Set the leaves of the upper phoneme head."""
        cast(Tensor, self.phoneme_leaves).copy_(torch.from_numpy(leaves.table))

    def set_normalisation(self, mean: FloatArray, deviation: FloatArray) -> None:
        """Set the normalisation of coefficients to mean 0 and deviation 1, float32 (n_input,)."""
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
        """Run the network.

        Args:
            vectors: float32 (batch, time + 2 n_context, n_input): clips between vectors
                of zeros, as the framer pads them.
            n_frames: int64 (batch,): frames of each clip without padding.
        """
        # Padding does not go through the dense layers: it costs nothing and does not
        # change the statistics of the normalisation.
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
            teacher = [
                head(layer[::STRIDE]).view(-1, self.shape.n_teacher, N_ENTRIES)
                for head, layer in heads
            ]
        return Outputs(letters, phonemes, teacher)

    def _windows(self, vectors: Tensor, n_frames: Tensor) -> Tensor:
        """Return frames with their context, (frames, (2 n_context + 1) n_input)."""
        normal = (vectors - self.mean) * self.scale
        if torch.is_autocast_enabled(vectors.device.type):
            normal = normal.to(torch.get_autocast_dtype(vectors.device.type))
        clips, rows, size = normal.shape
        width = 2 * self.shape.n_context + 1
        # One overlapping row per frame, padding included.
        flat = normal.contiguous().as_strided((clips * rows - width + 1, width * size), (size, 1))
        return flat.index_select(0, _frame_rows(n_frames, rows))

    def _recurrence(self, x: Tensor, n_frames: Tensor) -> Tensor:
        """Return the LSTM's outputs, (frames, n_hidden); the state is zero before each clip."""
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
        """Return the hidden matrices, and how many gates are stacked in each."""
        dense = [self.layer_1, self.layer_2, self.layer_3, self.layer_5]
        single = [(cast(nn.Parameter, layer.weight), 1) for layer in dense]
        return [*single, (self.lstm.weight_ih_l0, 4), (self.lstm.weight_hh_l0, 4)]


def _frame_rows(n_frames: Tensor, stride: int) -> Tensor:
    """Return the rows of frames without padding if clips have ``stride`` rows, int64 (frames,)."""
    clip = torch.arange(len(n_frames), device=n_frames.device).repeat_interleave(n_frames)
    within = torch.arange(len(clip), device=n_frames.device)
    first = n_frames.cumsum(0) - n_frames
    return clip * stride + within - first[clip]
