"""Words that are read one by one, and whether the end of what is known was seen."""

from __future__ import annotations

from collections.abc import Sequence


class Window:
    """The words of an utterance so far.

    A rule that asks for a word behind the last one known may decide otherwise once there is one:
    `touched` says so. That is all that keeps a stream from taking back what it wrote.

    Args:
        words: lower case.
        complete: no further words will come.
    """

    def __init__(self, words: Sequence[str], complete: bool) -> None:
        self._words = words
        self._complete = complete
        self.touched = False

    def __len__(self) -> int:
        return len(self._words)

    def at(self, position: int) -> str:
        """Return a word, or "" outside of the utterance."""
        if 0 <= position < len(self._words):
            return self._words[position]
        if position >= len(self._words) and not self._complete:
            self.touched = True
        return ""

    def between(self, begin: int, end: int) -> tuple[str, ...]:
        """Return known words."""
        return tuple(self._words[begin:end])
