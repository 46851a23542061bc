"""Removal of held-out sentences from training texts.

Novels are quoted, split and printed twice. A line overlaps with a held-out sentence if they
share six consecutive words, or if it is the sentence or a fragment of at least three words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

#: Consecutive words that two independent sentences hardly ever share.
SHARED_WORDS = 6
#: Shorter lines may occur in any sentence.
FRAGMENT_WORDS = 3


class HeldOutFilter:
    """Finds lines that overlap with held-out sentences.

    Args:
        sentences: the held-out sentences, words separated by single spaces.
    """

    def __init__(self, sentences: Iterable[str]) -> None:
        self._whole: set[str] = set()
        self._fragments: set[str] = set()
        self._runs: set[str] = set()
        for sentence in sentences:
            words = sentence.split()
            self._whole.add(" ".join(words))
            self._runs.update(_runs(words, SHARED_WORDS))
            for length in range(FRAGMENT_WORDS, SHARED_WORDS):
                self._fragments.update(_runs(words, length))
        # A quick test: most lines share no first word of a run.
        self._first_words = {run.split(" ", 1)[0] for run in self._runs}

    def overlaps(self, line: str) -> bool:
        """Whether a line overlaps with a held-out sentence."""
        if line in self._whole or line in self._fragments:
            return True
        words = line.split(" ")
        return any(
            words[start] in self._first_words
            and " ".join(words[start : start + SHARED_WORDS]) in self._runs
            for start in range(len(words) - SHARED_WORDS + 1)
        )

    def filter(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield the lines that do not overlap."""
        return (line for line in lines if not self.overlaps(line))


def _runs(words: list[str], length: int) -> Iterator[str]:
    return (" ".join(words[k : k + length]) for k in range(len(words) - length + 1))
