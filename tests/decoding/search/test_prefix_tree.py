"""The prefix tree of a lexicon."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.decoding.search.prefix_tree import TokenSequences, build_prefix_tree


def test_words_share_their_prefixes() -> None:
    ways = [[3, 1], [3], [3, 1, 2], [0, 5], [3, 1], [3, 4]]
    scores = np.array([-5.0, -1.0, -2.0, -9.0, -7.0], np.float32)
    tree = build_prefix_tree(TokenSequences.of(ways, [0, 1, 2, 3, 4, 0]), scores)
    assert len(tree.token) == 7  # the root, 3, 0, 3-1, 3-4, 0-5, 3-1-2

    def node(tokens: Sequence[int]) -> int:
        at = 0
        for token in tokens:
            children = range(tree.first_child[at], tree.first_child[at] + tree.n_children[at])
            (at,) = (child for child in children if tree.token[child] == token)
        return at

    def words(tokens: Sequence[int]) -> list[int]:
        first = tree.first_word[node(tokens)]
        return sorted(tree.word[first : first + tree.n_words[node(tokens)]].tolist())

    assert words([3, 1]) == [0, 4] and words([3]) == [1] and words([0]) == []
    assert words([0, 5]) == [3] and words([3, 4]) == [0] and words([3, 1, 2]) == [2]
    assert tree.best[node([3, 1])] == -2 and tree.best[node([3])] == -1
    assert tree.best[node([3, 4])] == -5 and tree.best[0] == 0
