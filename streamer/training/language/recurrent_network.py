"""The recurrent language model in training: word vectors, LSTM and projection."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from streamer.decoding.language.recurrent_model import INPUT_SCALE
from streamer.errors import UsageError
from streamer.training.language.settings import RecurrentSettings
from streamer.training.network.number_formats import matmul_dtype


class WordNetwork(nn.Module):
    """Word vectors, LSTM and projection; see `streamer.decoding.language.recurrent_model`.

    Args:
        n_entries: words and marks.
        settings: sizes of the network.
    """

    def __init__(self, n_entries: int, settings: RecurrentSettings) -> None:
        super().__init__()
        # Not parameters: only the rows that a step needs are updated, by `_RowAdam`.
        self.table = torch.randn(n_entries, settings.embedding_size) * 0.05
        self.bias = torch.zeros(n_entries)
        self.lstm = nn.LSTM(settings.embedding_size, settings.n_hidden)
        self.projection = nn.Linear(settings.n_hidden, settings.embedding_size)
        with torch.no_grad():
            self.lstm.bias_ih_l0[settings.n_hidden : 2 * settings.n_hidden] = (
                1.0  # open forget gates
            )

    def forward(
        self, vectors: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return queries, float32 (steps, batch, embedding), and the state after them."""
        short = matmul_dtype() is torch.bfloat16
        with torch.autocast("cpu", torch.bfloat16, enabled=short):
            hidden, state = self.lstm(vectors * INPUT_SCALE, state)
            return self.projection(hidden).float(), state

    def tensors(self) -> dict[str, Any]:
        """Return the arrays for `write_recurrent_model`."""
        lstm = self.lstm
        tensors = {
            "table": self.table,
            "bias": self.bias,
            "lstm": torch.cat([lstm.weight_ih_l0.T, lstm.weight_hh_l0.T]),
            "lstm_bias": lstm.bias_ih_l0 + lstm.bias_hh_l0,
            "projection": self.projection.weight.T,
            "projection_bias": self.projection.bias,
        }
        return {name: value.detach().numpy() for name, value in tensors.items()}

    @torch.no_grad()
    def load(self, tensors: dict[str, Any]) -> None:
        """Set the weights to such arrays.

        Raises:
            UsageError: their sizes differ.
        """
        values = {name: torch.from_numpy(np.array(value)) for name, value in tensors.items()}
        vector = self.table.shape[1]
        if (
            values["table"].shape != self.table.shape
            or values["projection"].shape != self.projection.weight.T.shape
        ):
            raise UsageError(
                "the model to start from has another size", "give its --width and --vector"
            )
        self.table, self.bias = values["table"], values["bias"]
        self.lstm.weight_ih_l0.copy_(values["lstm"][:vector].T)
        self.lstm.weight_hh_l0.copy_(values["lstm"][vector:].T)
        self.lstm.bias_ih_l0.copy_(values["lstm_bias"])
        self.lstm.bias_hh_l0.zero_()
        self.projection.weight.copy_(values["projection"].T)
        self.projection.bias.copy_(values["projection_bias"])
