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
#: Number of the first word of the vocabulary.
FIRST_WORD = 2 + BUCKETS
#: Letters of the ending by which they share.
ENDING = 3


class Vocabulary:
    """The words that a tagger knows.

    Args:
        words: lower case, in the order of their numbers.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._numbers = {word: FIRST_WORD + k for k, word in enumerate(self.words)}

    def __len__(self) -> int:
        return FIRST_WORD + len(self.words)

    def number(self, word: str) -> int:
        """Return the number of a word in lower case."""
        known = self._numbers.get(word)
        return self.ending(word) if known is None else known

    def ending(self, word: str) -> int:
        """Return the number that a word has by its ending."""
        return 2 + zlib.crc32(word[-ENDING:].encode()) % BUCKETS

    def endings(self) -> IntArray:
        """Return the number by its ending for each number, int64 (len,)."""
        own = list(range(FIRST_WORD))
        return np.array(own + [self.ending(word) for word in self.words], dtype=np.int64)

    def numbers(self, words: Iterable[str]) -> IntArray:
        """Return the numbers of words, int64 (n,)."""
        return np.array([self.number(word) for word in words], dtype=np.int64)
