"""Nodes that hypotheses of the beam search move through: a prefix tree with many roots."""

from __future__ import annotations

import numpy as np

from streamer.arrays import Array, FloatArray, IntArray
from streamer.decoding.search.prefix_tree import PrefixTree


def add_roots(tree: PrefixTree, n_tokens: int) -> PrefixTree:
    """Return a prefix tree with a copy of its root for each token after its nodes."""
    node = np.concatenate([np.arange(len(tree.token)), np.zeros(n_tokens, np.int64)])
    return tree._replace(
        token=np.concatenate([tree.token, np.arange(n_tokens, dtype=np.int32)]),
        first_child=tree.first_child[node],
        n_children=tree.n_children[node],
        best=tree.best[node],
    )


class LexiconGraph:
    """A prefix tree and, after its nodes, a copy of its root for each token.

    A hypothesis is at a root when it has just completed a word, and the copies give it its
    last token, which CTC needs.

    Args:
        tree: what `add_roots` returns.
        n_tokens: number of tokens.
        weight: factor of the tree's scores.

    Attributes:
        roots: the root after token 0; the others follow it.
        token: int32 (n_nodes,), the token that leads to a node.
        n_children: int32 (n_nodes,).
        lookahead: float32 (n_nodes,), score of the best word below a node; 0 for a root.
    """

    def __init__(self, tree: PrefixTree, n_tokens: int, weight: float) -> None:
        self._tree = tree
        self.roots = len(tree.token) - n_tokens
        self.token: Array = tree.token
        self._first_child: Array = tree.first_child
        self.n_children: Array = tree.n_children
        self.lookahead: FloatArray = np.float32(weight) * tree.best

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
