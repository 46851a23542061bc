"""Prefix tree of a lexicon's words, stored in arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.arrays import Array, FloatArray

#: Logarithm of probability zero; finite, so that sums stay numbers.
LOG_ZERO = -1e9


class PrefixTree:
    """Token sequences that begin alike share nodes; a node's children are numbered consecutively.

    Args:
        sequences: the token sequences, each at least one token long.
        words: the word number of each sequence.
        scores: logarithm of each word's probability; float (n_words,).

    Attributes:
        token: int32 (n_nodes,), the token that leads to a node; -1 for the root, node 0.
        first_child: int32 (n_nodes,).
        n_children: int32 (n_nodes,).
        first_word: int32 (n_nodes,), index in ``word`` of the first word that ends at a node.
        n_words: int32 (n_nodes,), number of words that end at a node.
        word: int32 (n_sequences,), word numbers, ordered by the node where they end.
        best: float32 (n_nodes,), the score of the best word at or below a node; 0 for the root.
    """

    def __init__(
        self, sequences: Sequence[Sequence[int]], words: Sequence[int], scores: FloatArray
    ) -> None:
        lengths = np.fromiter(map(len, sequences), np.int64, len(sequences))
        longest = int(lengths.max(initial=0))
        table = np.full((len(sequences), longest), -1, np.int32)
        table[np.arange(longest) < lengths[:, None]] = np.fromiter(
            (token for sequence in sequences for token in sequence), np.int32, int(lengths.sum())
        )
        order = np.lexsort(table.T[::-1])
        table, lengths = table[order], lengths[order]
        word = np.asarray(words, np.int32)[order]
        node = np.zeros(len(table), np.int64)  # the node that each sequence has reached
        tokens, parents, bounds = [np.array([-1])], [np.array([0])], [0, 1]
        for depth in range(longest):
            rows = np.flatnonzero(lengths > depth)
            token, parent = table[rows, depth], node[rows]
            new = np.ones(len(rows), bool)
            new[1:] = (token[1:] != token[:-1]) | (parent[1:] != parent[:-1])
            node[rows] = bounds[-1] + np.cumsum(new) - 1
            tokens.append(token[new])
            parents.append(parent[new])
            bounds.append(bounds[-1] + int(new.sum()))
        n = bounds[-1]
        self.token: Array = np.concatenate(tokens).astype(np.int32)
        parent = np.concatenate(parents)
        # Parents are in ascending order.
        self.first_child: Array = 1 + np.searchsorted(parent[1:], np.arange(n)).astype(np.int32)
        self.n_children: Array = np.bincount(parent[1:], minlength=n).astype(np.int32)
        self.word: Array = word[np.argsort(node, kind="stable")]
        self.n_words: Array = np.bincount(node, minlength=n).astype(np.int32)
        self.first_word: Array = (np.cumsum(self.n_words) - self.n_words).astype(np.int32)
        self.best: FloatArray = np.full(n, LOG_ZERO, np.float32)
        np.maximum.at(self.best, node, np.asarray(scores, np.float32)[word])
        for first, last in reversed(list(zip(bounds[1:], bounds[2:]))):
            np.maximum.at(self.best, parent[first:last], self.best[first:last])
        self.best[0] = 0.0

    def __len__(self) -> int:
        """Return the number of nodes."""
        return len(self.token)
