"""Columns of the probabilities for tokens that have several: one for each leaf."""

from __future__ import annotations

import numpy as np

from streamer.arrays import Array, IntArray
from streamer.decoding.lexicon.leaves import Leaves
from streamer.decoding.search.beams import Scores


class LeafColumns:
    """Columns of tokens by the token before them.

    Args:
        leaves: columns of each token but the blank, which is the last token and has the last
            column. As the token before, it stands for the beginning of the utterance.

    Attributes:
        n_variants: columns of a token, at most.
    """

    def __init__(self, leaves: Leaves) -> None:
        self._n_tokens, blank = leaves.table.shape[1] + 1, len(leaves)
        columns = np.full((self._n_tokens, self._n_tokens), blank)
        columns[:, :-1] = leaves.table
        self._columns = columns.ravel()
        self._first = np.append(leaves.first, blank)
        variants = np.arange(blank) - leaves.first[leaves.phonemes]
        self.n_variants = int(variants.max()) + 2
        # A hypothesis that begins behind known words has the blank's column at any token.
        self._variants = np.append(variants, self.n_variants - 1)

    def behind(self, last: Array, token: Array) -> IntArray:
        """Return the column of tokens behind others: int64 (n,) for int (n,) each."""
        columns: IntArray = self._columns.take(last.astype(np.int64) * self._n_tokens + token)
        return columns

    def variants(self, columns: Array) -> IntArray:
        """Return numbers below `n_variants` that tell the columns of a token apart."""
        return self._variants.take(columns)

    def token_scores(self, frames: Scores) -> Scores:
        """Return the score of each token's best column, float64 (n, n_tokens).

        Args:
            frames: natural logarithms, float64 (n, n_columns).
        """
        best: Scores = np.maximum.reduceat(frames, self._first, axis=1)
        return best
