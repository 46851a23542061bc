"""The tagger as it is trained; `streamer.text.tagger` says what it computes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from streamer.text.tags import MARKS, Case


@dataclass(frozen=True)
class Sizes:
    """Sizes of a tagger.

    Attributes:
        vocabulary: how many numbers words have.
        embedding: values of a word.
        state: values of the recurrent state.
        ahead: values made of the words that follow.
        hidden: values that marks and cases are read from.
        look_ahead: words that follow.
    """

    vocabulary: int
    embedding: int = 96
    state: int = 256
    ahead: int = 192
    hidden: int = 192
    look_ahead: int = 4


class TaggerNetwork(nn.Module):
    """A recurrent network over words that looks a few words ahead."""

    def __init__(self, sizes: Sizes, dropout: float = 0.1) -> None:
        super().__init__()
        self.sizes = sizes
        self.embedding = nn.Embedding(sizes.vocabulary, sizes.embedding)
        nn.init.normal_(self.embedding.weight, std=0.3)
        self.recurrent = nn.GRU(sizes.embedding + 2, sizes.state, batch_first=True)
        self.ahead = nn.Linear(sizes.look_ahead * sizes.embedding, sizes.ahead)
        self.hidden = nn.Linear(sizes.state + sizes.embedding + sizes.ahead + 2, sizes.hidden)
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
        word = self.dropout(self.embedding(numbers))
        before = torch.cat([torch.zeros_like(pauses[:, :1]), pauses[:, :-1]], dim=1)
        states, _ = self.recurrent(torch.cat([word, before], dim=2), state)
        # Whole words are dropped: the network copes with fewer, and it is quicker than values.
        known = nn.functional.dropout1d(
            self.embedding(ahead).flatten(0, 1), self.dropout.p, self.training
        )
        coming = torch.relu(self.ahead(known.view(*ahead.shape[:2], -1)))
        seen = torch.cat([self.dropout(states), word, coming, pauses], dim=2)
        hidden = self.dropout(torch.relu(self.hidden(seen)))
        return self.marks(hidden), self.cases(hidden), states
