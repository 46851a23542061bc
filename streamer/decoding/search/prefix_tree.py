"""The words of a lexicon as a tree, kept in arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from streamer.arrays import FloatArray

IntArray = npt.NDArray[np.int32]

#: What a node is worth below which there is no word.
_NOTHING = -1e9


class PrefixTree:
    """Words that begin alike share nodes. The children of a node have successive numbers.

    Args:
        ways: how words are made of tokens, each at least one token long.
        words: the word of each way, a number.
        scores: what each word is worth, a logarithm; float (n_words,).

    Attributes:
        token: int32 (n_nodes,), the token that leads to a node; -1 for the root, node 0.
        first_child: int32 (n_nodes,).
        n_children: int32 (n_nodes,).
        first_word: int32 (n_nodes,), where its words begin in ``word``.
        n_words: int32 (n_nodes,), how many words end at a node.
        word: int32 (n_ways,), words by the node where they end.
        best: float32 (n_nodes,), the score of the best word at or below a node; 0 for the root.
    """

    def __init__(
        self, ways: Sequence[Sequence[int]], words: Sequence[int], scores: FloatArray
    ) -> None:
        lengths = np.fromiter(map(len, ways), np.int64, len(ways))
        longest = int(lengths.max(initial=0))
        table = np.full((len(ways), longest), -1, np.int32)
        table[np.arange(longest) < lengths[:, None]] = np.fromiter(
            (token for way in ways for token in way), np.int32, int(lengths.sum())
        )
        order = np.lexsort(table.T[::-1])
        table, lengths = table[order], lengths[order]
        word = np.asarray(words, np.int32)[order]
        at = np.zeros(len(table), np.int64)  # the node each way has reached
        tokens, parents, bounds = [np.array([-1])], [np.array([0])], [0, 1]
        for depth in range(longest):
            rows = np.flatnonzero(lengths > depth)
            token, parent = table[rows, depth], at[rows]
            new = np.ones(len(rows), bool)
            new[1:] = (token[1:] != token[:-1]) | (parent[1:] != parent[:-1])
            at[rows] = bounds[-1] + np.cumsum(new) - 1
            tokens.append(token[new])
            parents.append(parent[new])
            bounds.append(bounds[-1] + int(new.sum()))
        n = bounds[-1]
        self.token: IntArray = np.concatenate(tokens).astype(np.int32)
        parent = np.concatenate(parents)
        # Parents only grow from node to node.
        self.first_child: IntArray = 1 + np.searchsorted(parent[1:], np.arange(n)).astype(np.int32)
        self.n_children: IntArray = np.bincount(parent[1:], minlength=n).astype(np.int32)
        by_node = np.argsort(at, kind="stable")
        self.word: IntArray = word[by_node]
        self.n_words: IntArray = np.bincount(at, minlength=n).astype(np.int32)
        self.first_word: IntArray = (np.cumsum(self.n_words) - self.n_words).astype(np.int32)
        self.best: FloatArray = np.full(n, _NOTHING, np.float32)
        np.maximum.at(self.best, at, np.asarray(scores, np.float32)[word])
        for first, last in reversed(list(zip(bounds[1:], bounds[2:]))):
            np.maximum.at(self.best, parent[first:last], self.best[first:last])
        self.best[0] = 0.0

    def __len__(self) -> int:
        """How many nodes it has."""
        return len(self.token)
