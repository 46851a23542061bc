"""Nodes that hypotheses of the beam search move through: a prefix tree with many roots."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.arrays import Array, FloatArray, IntArray
from streamer.decoding.search.prefix_tree import PrefixTree


class LexiconGraph:
    """A prefix tree and, after its nodes, a copy of its root for each token.

    A hypothesis is at a root when it has just completed a word, and the copies give it its
    last token, which CTC needs.

    Args:
        sequences: the token sequences of the words.
        words: the word number of each sequence.
        scores: logarithm of each word's probability; float (n_words,).
        n_tokens: number of tokens.

    Attributes:
        roots: the root after token 0; the others follow it.
        token: int32 (n_nodes,), the token that leads to a node.
        n_children: int32 (n_nodes,).
        lookahead: float64 (n_nodes,), score of the best word below a node; 0 for a root.
    """

    def __init__(
        self,
        sequences: Sequence[Sequence[int]],
        words: Sequence[int],
        scores: FloatArray,
        n_tokens: int,
    ) -> None:
        tree = PrefixTree(sequences, words, scores)
        self._tree = tree
        self.roots = len(tree)
        node = np.concatenate([np.arange(len(tree)), np.zeros(n_tokens, np.int64)])
        self.token: Array = np.concatenate([tree.token, np.arange(n_tokens, dtype=np.int32)])
        self._first_child: Array = tree.first_child[node]
        self.n_children: Array = tree.n_children[node]
        self.lookahead: Array = tree.best[node].astype(np.float64)

    def __len__(self) -> int:
        """Return the number of nodes."""
        return len(self.token)

    def children(self, nodes: IntArray) -> tuple[IntArray, IntArray]:
        """Return the child nodes of nodes.

        Returns:
            Rows of ``nodes``, int64 (n,), and a child node for each, int64 (n,).
        """
        return _expand(self._first_child[nodes], self.n_children[nodes])

    def words(self, nodes: IntArray) -> tuple[IntArray, IntArray]:
        """Return the words that end at nodes of the tree.

        Returns:
            Rows of ``nodes``, int64 (n,), and a word for each, int64 (n,).
        """
        rows, places = _expand(self._tree.first_word[nodes], self._tree.n_words[nodes])
        return rows, self._tree.word[places].astype(np.int64)


def _expand(first: Array, counts: Array) -> tuple[IntArray, IntArray]:
    """Return all numbers of the ranges ``first`` to ``first + counts``, with their rows."""
    rows = np.repeat(np.arange(len(counts)), counts)
    if not len(rows):
        return rows, rows
    ends = np.cumsum(counts)
    return rows, np.arange(len(rows)) + (first - ends + counts)[rows]
