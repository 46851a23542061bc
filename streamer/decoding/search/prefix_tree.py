"""Prefix tree of a lexicon's words, stored in arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from streamer.arrays import Array, FloatArray, IntArray

#: Logarithm of probability zero; finite, so that sums stay numbers.
LOG_ZERO = -1e9


class TokenSequences(NamedTuple):
    """Token sequences of words.

    Attributes:
        tokens: uint16 (n_tokens,), the tokens of all sequences, one after another.
        lengths: int32 (n_sequences,), the length of each, at least 1.
        words: int32 (n_sequences,), the word number of each.
    """

    tokens: Array
    lengths: Array
    words: Array

    @classmethod
    def of(cls, sequences: Sequence[Sequence[int]], words: Iterable[int]) -> TokenSequences:
        """Return sequences of words.

        Args:
            sequences: the token sequences.
            words: the word number of each.
        """
        tokens: list[int] = []
        for sequence in sequences:
            tokens += sequence
        lengths = np.fromiter(map(len, sequences), np.int32, len(sequences))
        numbers = np.fromiter(words, np.int32, len(sequences))
        return cls(np.array(tokens, np.uint16), lengths, numbers)

    def take(self, chosen: Array) -> TokenSequences:
        """Return some sequences: bool (n_sequences,)."""
        kept = np.repeat(chosen, self.lengths)
        return TokenSequences(self.tokens[kept], self.lengths[chosen], self.words[chosen])

    def append(self, other: TokenSequences) -> TokenSequences:
        """Return these sequences followed by others."""
        return TokenSequences(*[np.concatenate(columns) for columns in zip(self, other)])


class PrefixTree(NamedTuple):
    """Token sequences that begin alike share nodes; a node's children are numbered consecutively.

    Attributes:
        token: int32 (n_nodes,), the token that leads to a node; -1 for the root, node 0.
        first_child: int32 (n_nodes,), greater than the node itself.
        n_children: int32 (n_nodes,).
        first_word: int32 (n_nodes,), index in ``word`` of the first word that ends at a node.
        n_words: int32 (n_nodes,), number of words that end at a node.
        word: int32 (n_sequences,), word numbers, ordered by the node where they end.
        best: float32 (n_nodes,), the score of the best word at or below a node; 0 for the root.
    """

    token: Array
    first_child: Array
    n_children: Array
    first_word: Array
    n_words: Array
    word: Array
    best: FloatArray


def build_prefix_tree(sequences: TokenSequences, scores: FloatArray) -> PrefixTree:
    """Return the prefix tree of token sequences; their order has no influence.

    Args:
        sequences: the token sequences.
        scores: the score of each word; float (n_words,).
    """
    lengths = sequences.lengths
    longest = int(lengths.max(initial=0))
    table = np.full((len(lengths), longest), -1, np.int32)
    table[np.arange(longest) < lengths[:, None]] = sequences.tokens
    order = np.lexsort([sequences.words, *table.T[::-1]])
    table, lengths, word = table[order], lengths[order], sequences.words[order]
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
    parent = np.concatenate(parents)
    best: FloatArray = np.full(n, LOG_ZERO, np.float32)
    np.maximum.at(best, node, np.asarray(scores, np.float32)[word])
    for first, last in reversed(list(zip(bounds[1:], bounds[2:]))):
        np.maximum.at(best, parent[first:last], best[first:last])
    best[0] = 0.0
    n_words = np.bincount(node, minlength=n).astype(np.int32)
    return PrefixTree(
        token=np.concatenate(tokens).astype(np.int32),
        # Parents are in ascending order.
        first_child=1 + np.searchsorted(parent[1:], np.arange(n)).astype(np.int32),
        n_children=np.bincount(parent[1:], minlength=n).astype(np.int32),
        first_word=(np.cumsum(n_words) - n_words).astype(np.int32),
        n_words=n_words,
        word=word[np.argsort(node, kind="stable")],
        best=best,
    )


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
        return _expand(self._first_child.take(nodes), self.n_children.take(nodes))

    def words(self, nodes: IntArray) -> tuple[IntArray, IntArray]:
        """Return the words that end at nodes of the tree.

        Returns:
            Rows of ``nodes``, int64 (n,), and a word for each, int64 (n,).
        """
        rows, places = _expand(self._tree.first_word.take(nodes), self._tree.n_words.take(nodes))
        return rows, self._tree.word.take(places).astype(np.int64)


def _expand(first: Array, counts: Array) -> tuple[IntArray, IntArray]:
    """Return all numbers of the ranges ``first`` to ``first + counts``, with their rows."""
    rows = np.arange(len(counts)).repeat(counts)
    if not len(rows):
        return rows, rows
    # How far each range is from where the range before it ended.
    shift = first - counts.cumsum()
    shift += counts
    return rows, shift.take(rows) + np.arange(len(rows))
