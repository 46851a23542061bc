"""Hypotheses of the beam search in arrays, and how they merge."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from streamer.arrays import Array, IntArray

#: Log probabilities: added up over a whole utterance, single precision would lose too much.
Scores = npt.NDArray[np.float64]


class Beams(NamedTuple):
    """The hypotheses after a frame, one per row.

    Attributes:
        node: int64 (n,), node of the `LexiconGraph`.
        history: int64 (n,), the language model's number for the complete words.
        column: int (n,), column of the probabilities that the last token was read from.
        event: int64 (n,), last event in the `Backtrace`.
        blank: float64 (n,), log probability of ending with a blank.
        label: float64 (n,), log probability of ending with the last token.
        total: float64 (n,), log probability of both.
    """

    node: IntArray
    history: IntArray
    column: Array
    event: IntArray
    blank: Scores
    label: Scores
    total: Scores

    def take(self, rows: IntArray) -> Beams:
        """Return the hypotheses of some rows."""
        return Beams(
            self.node[rows], self.history[rows], self.column[rows], self.event[rows],
            self.blank[rows], self.label[rows], self.total[rows],
        )  # fmt: skip


class Extensions(NamedTuple):
    """Hypotheses of the next frame before merging, one per row.

    Attributes:
        node: int64 (n,), as in `Beams`.
        history: int64 (n,), as in `Beams`.
        parent: int64 (n,), row in `Beams` of the hypothesis that is extended.
        label: float64 (n,), log probability of ending with the last token.
        word: int64 (n,), the word that is completed, or `NO_WORD`.
    """

    node: IntArray
    history: IntArray
    parent: IntArray
    label: Scores
    word: IntArray


def merge(
    rows: IntArray, keys: IntArray, blank: Scores, label: Scores, total: Scores
) -> tuple[IntArray, Scores, Scores, Scores]:
    """Merge hypotheses with equal keys: add their probabilities and keep the likeliest.

    Args:
        rows: rows of the hypotheses to consider, int64 (n,).
        keys: a key for each of these rows, int64 (n,).
        blank: log probability of ending with a blank; for each key at most one row has any.
        label: log probability of ending with the last token.
        total: log probability of both.

    Returns:
        The rows that are kept, and their log probabilities as above.
    """
    order = np.lexsort((-total[rows], keys))
    keys, rows = keys[order], rows[order]
    is_first = np.ones(len(rows), bool)
    np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
    starts = np.flatnonzero(is_first)
    kept = rows[starts]
    if len(kept) == len(rows):
        return kept, blank[kept], label[kept], total[kept]
    blank = np.maximum.reduceat(blank[rows], starts)
    label = np.logaddexp.reduceat(label[rows], starts)
    return kept, blank, label, np.logaddexp(blank, label)
