"""Words as numbers, for the tagger."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

import numpy as np

from streamer.arrays import IntArray

#: Stands for the words behind the end of an utterance.
END = 0
#: Stands for words that were not said yet.
MORE = 1
#: Words that are not in the vocabulary share so many numbers, by their endings.
BUCKETS = 1024
#: Letters of the ending by which they share.
ENDING = 3


class Vocabulary:
    """The words that a tagger knows.

    Args:
        words: lower case, in the order of their numbers.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._numbers = {word: 2 + BUCKETS + k for k, word in enumerate(self.words)}

    def __len__(self) -> int:
        return 2 + BUCKETS + len(self.words)

    def number(self, word: str) -> int:
        """Return the number of a word in lower case."""
        known = self._numbers.get(word)
        if known is not None:
            return known
        return 2 + zlib.crc32(word[-ENDING:].encode()) % BUCKETS

    def numbers(self, words: Iterable[str]) -> IntArray:
        """Return the numbers of words, int64 (n,)."""
        return np.array([self.number(word) for word in words], dtype=np.int64)
