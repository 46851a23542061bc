"""Keeps sentences that a model is judged by out of the text its language model learns from.

Novels are quoted, split and printed twice. A line is left out if it shares six
words in a row with a held-out sentence, is a fragment of one (three words or
more), or is one itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

#: Words in a row that two independent sentences hardly ever share.
SHARED_WORDS = 6
#: Shorter lines than this may stand in any sentence.
FRAGMENT_WORDS = 3


class HeldOut:
    """What must not be learnt.

    Args:
        sentences: the held-out sentences, words and single spaces.
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
        # Most lines share no first word of a run: a quick way out.
        self._first_words = {run.split(" ", 1)[0] for run in self._runs}

    def overlaps(self, line: str) -> bool:
        """Whether a line gives away a part of a held-out sentence."""
        if line in self._whole or line in self._fragments:
            return True
        words = line.split(" ")
        return any(
            words[start] in self._first_words
            and " ".join(words[start : start + SHARED_WORDS]) in self._runs
            for start in range(len(words) - SHARED_WORDS + 1)
        )

    def without(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield the lines that give nothing away."""
        return (line for line in lines if not self.overlaps(line))


def _runs(words: list[str], length: int) -> Iterator[str]:
    return (" ".join(words[k : k + length]) for k in range(len(words) - length + 1))
