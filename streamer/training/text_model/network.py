"""The tagger as it is trained; `streamer.text.tagger` says what it computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from streamer.arrays import FloatArray
from streamer.text.numpy_tagger import number_of_convolutions
from streamer.text.tagger import PAUSE_FEATURES, WIDTH
from streamer.text.tags import MARKS, Case


@dataclass(frozen=True)
class Sizes:
    """Sizes of a tagger.

    Attributes:
        vocabulary: how many numbers words have.
        embedding: values of a word.
        state: values of the recurrent state.
        ahead: values made of a word and those that follow.
        hidden: values that marks and cases are read from.
        look_ahead: words that follow, an even number.
    """

    vocabulary: int
    embedding: int = 128
    state: int = 512
    ahead: int = 192
    hidden: int = 256
    look_ahead: int = 8

    @property
    def convolutions(self) -> int:
        """How many convolutions reach the last of the words that follow."""
        return self.look_ahead // (WIDTH - 1)


def sizes_of(weights: Mapping[str, FloatArray]) -> Sizes:
    """Return the sizes of a tagger with these weights."""
    vocabulary, embedding = weights["embedding.weight"].shape
    return Sizes(
        vocabulary,
        embedding,
        state=weights["recurrent.weight_hh_l0"].shape[1],
        ahead=len(weights["ahead.0.bias"]),
        hidden=len(weights["hidden.bias"]),
        look_ahead=(WIDTH - 1) * number_of_convolutions(weights),
    )


class TaggerNetwork(nn.Module):
    """A recurrent network over words that looks a few words ahead."""

    def __init__(self, sizes: Sizes, dropout: float = 0.1) -> None:
        super().__init__()
        self.sizes = sizes
        self.embedding = nn.Embedding(sizes.vocabulary, sizes.embedding)
        nn.init.normal_(self.embedding.weight, std=0.3)
        inputs = [sizes.embedding] + (sizes.convolutions - 1) * [sizes.ahead]
        self.ahead = nn.ModuleList(nn.Linear(WIDTH * size, sizes.ahead) for size in inputs)
        for layer in self.ahead:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        seen = sizes.embedding + sizes.ahead + PAUSE_FEATURES
        self.recurrent = nn.GRU(seen + PAUSE_FEATURES, sizes.state, batch_first=True)
        self.hidden = nn.Linear(sizes.state + seen, sizes.hidden)
        self.marks = nn.Linear(sizes.hidden, len(MARKS))
        self.cases = nn.Linear(sizes.hidden, len(Case))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, numbers: Tensor, ahead: Tensor, pauses: Tensor, state: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits of marks and cases, and the state after each word.

        Args:
            numbers: of words, int64 (rows, words).
            ahead: of the words behind each, int64 (rows, words, look_ahead).
            pauses: features of the pause after each, float32 (rows, words, 2).
            state: before the first word, float32 (1, rows, state).
        """
        word = self.embedding(numbers)
        before = torch.cat([torch.zeros_like(pauses[:, :1]), pauses[:, :-1]], dim=1)
        # Whole words are dropped: the network copes with fewer, and it is quicker than values.
        known = nn.functional.dropout1d(
            self.embedding(ahead).flatten(0, 1), self.dropout.p, self.training
        )
        window = torch.cat([word.flatten(0, 1)[:, None], known], dim=1)
        for layer in self.ahead:
            # Convolution: neighbours lie side by side in memory.
            rows, length, size = window.shape
            window = window.contiguous().as_strided(
                (rows, length - WIDTH + 1, WIDTH * size), (length * size, size, 1)
            )
            window = torch.relu(layer(window))
        coming = self.dropout(window.view(*ahead.shape[:2], -1))
        word = self.dropout(word)
        seen = torch.cat([word, coming, pauses], dim=2)
        states, _ = self.recurrent(torch.cat([seen, before], dim=2), state)
        everything = torch.cat([self.dropout(states), seen], dim=2)
        hidden = self.dropout(torch.relu(self.hidden(everything)))
        return self.marks(hidden), self.cases(hidden), states
