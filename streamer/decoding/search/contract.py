"""What the searches (our own, DeepSpeech's, greedy) have in common.

A search knows frames and characters. Words, the stable prefix, forgetting what
is settled and starting over belong to `streamer.decoding.streaming`, which
drives any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from streamer.arrays import FloatArray
from streamer.decoding.alphabet import Alphabet

#: What n-grams look back on: a 5-gram on four words.
N_GRAM_CONTEXT = 4


@dataclass(frozen=True)
class Candidate:
    """One hypothesis of a search.

    Attributes:
        score: natural logarithm; higher is likelier.
        text: its characters, spaces as they were heard.
        frames: for each character the frame where it was first heard,
            counted since `Search.reset`.
        labels: for each character the column of the probabilities that speaks for it.
    """

    score: float
    text: str
    frames: tuple[int, ...]
    labels: tuple[int, ...]


class Search(Protocol):
    """A search over sequences of characters."""

    #: Which search this is, for people.
    name: str

    #: Whether it never changes a word once a space has followed it.
    append_only: bool

    #: How many settled words it wants to be told of when it begins anew, 1 or more.
    context_words: int

    def reset(self) -> None:
        """Forget everything."""
        ...

    def feed(self, probabilities: FloatArray) -> None:
        """Take the next frames: float32 (n, n_labels), C-contiguous, n >= 1."""
        ...

    def prime(self, words: Sequence[str]) -> int:
        """Stand where the search would stand after words, right after `reset`.

        Every hypothesis begins with them from then on, or is of no use.

        Returns:
            How many frames that took.
        """
        ...

    def finish(self) -> None:
        """Complete the last words: nothing follows."""
        ...

    def candidates(self, n: int) -> list[Candidate]:
        """Return up to n hypotheses of distinct text, likeliest first; at least one."""
        ...

    def is_word(self, letters: str) -> bool:
        """Whether letters that no space has followed yet are a word as they stand."""
        ...


def one_hot_frames(alphabet: Alphabet, words: Sequence[str]) -> FloatArray:
    """Return frames, float32 (n, n_labels), that can only be words, a space behind each.

    A search that hears them stands where it would stand after them, its
    language model included: so a search is started in the middle of a sentence.
    """
    path: list[int] = []
    for label in alphabet.encode("".join(word + " " for word in words)):
        if path and path[-1] == label:
            path.append(alphabet.blank)
        path.append(label)
    frames = np.zeros((len(path), len(alphabet) + 1), np.float32)
    frames[np.arange(len(path)), path] = 1.0
    return frames


def prime_with_letters(search: Search, alphabet: Alphabet, words: Sequence[str]) -> int:
    """`Search.prime` of a search over letters: it hears each word and the space behind it."""
    frames = one_hot_frames(alphabet, words)
    if len(frames):
        search.feed(frames)
    return len(frames)


def collapse(score: float, labels: Sequence[int], alphabet: Alphabet) -> Candidate:
    """Return the hypothesis of a path over letters, one label a frame.

    By CTC's rule repeated labels are one unless a blank stands between them.
    """
    path = np.asarray(labels, np.int64)
    heard = path != alphabet.blank
    heard[1:] &= path[1:] != path[:-1]
    frames = np.flatnonzero(heard)
    letters = path[frames].tolist()
    return Candidate(score, alphabet.decode(letters), tuple(frames.tolist()), tuple(letters))
