"""Interface of the searches (beam, DeepSpeech's, greedy) and helpers for searches over letters.

A search works on frames and characters. Words, the stable prefix and the bounded
history belong to `streamer.decoding.streaming`, which drives any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from streamer.arrays import FloatArray
from streamer.decoding.alphabet import Alphabet

#: Words that n-grams look back on: four for a 5-gram.
N_GRAM_CONTEXT = 4

#: Smaller probabilities are raised to this value, so that their logarithm is finite.
PROBABILITY_FLOOR = 1e-30


@dataclass(frozen=True)
class Candidate:
    """One hypothesis of a search.

    Attributes:
        score: natural logarithm; higher is likelier.
        text: its characters, including repeated, leading and trailing spaces.
        frames: for each character the frame where it first appears, counted since
            `Search.reset`.
        labels: for each character the column of the probabilities that it was read from.
        language: for each complete word, without those that the search was primed with, the
            common logarithm of its probability given the words before; empty without a
            language model.
    """

    score: float
    text: str
    frames: tuple[int, ...]
    labels: tuple[int, ...]
    language: tuple[float, ...] = ()


class Search(Protocol):
    """A search over sequences of characters."""

    #: Name for users: "beam", "ds", "greedy".
    name: str

    #: Whether a word followed by a space never changes.
    append_only: bool

    #: Number of preceding words that `prime` can use, 1 or more.
    context_words: int

    def reset(self) -> None:
        """Start a new utterance."""
        ...

    def feed(self, probabilities: FloatArray) -> None:
        """Process the next frames: float32 (n, n_labels), C-contiguous, n >= 1."""
        ...

    def prime(self, words: Sequence[str]) -> int:
        """Set the words that come before the first frame; call it right after `reset`.

        All later candidates begin with these words; the caller discards any that do not.

        Returns:
            Number of frames that the words take up in `Candidate.frames`.
        """
        ...

    def finish(self) -> None:
        """Complete the last word of each hypothesis: no more frames follow."""
        ...

    def candidates(self, n: int) -> list[Candidate]:
        """Return up to n candidates with distinct texts, likeliest first; at least one."""
        ...

    def is_word(self, letters: str) -> bool:
        """Whether letters without a space after them already form a word."""
        ...

    def new_stream(self) -> Search:
        """Return the same search for another stream; everything that does not change is shared."""
        ...


def one_hot_frames(alphabet: Alphabet, words: Sequence[str]) -> FloatArray:
    """Return frames that spell words with certainty, with a space after each word.

    Args:
        alphabet: the labels.
        words: the words.

    Returns:
        float32 (n, n_labels), with a blank frame between repeated letters.
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
    """Implement `Search.prime` for a search over letters by feeding it `one_hot_frames`."""
    frames = one_hot_frames(alphabet, words)
    if len(frames):
        search.feed(frames)
    return len(frames)


def collapse(score: float, labels: Sequence[int], alphabet: Alphabet) -> Candidate:
    """Return the candidate of a CTC path, one label per frame.

    Repeated labels are merged unless a blank separates them, then blanks are removed
    (Graves et al., 2006).
    """
    path = np.asarray(labels, np.int64)
    kept = path != alphabet.blank
    kept[1:] &= path[1:] != path[:-1]
    frames = np.flatnonzero(kept)
    return spelled(score, path[frames].tolist(), frames.tolist(), alphabet)


def spelled(
    score: float, labels: Sequence[int], frames: Sequence[int], alphabet: Alphabet
) -> Candidate:
    """Return the candidate of labels, whose characters share their label's frame.

    Args:
        score: natural logarithm.
        labels: columns of the probabilities, none of them the blank.
        frames: the frame of each label.
        alphabet: the labels.
    """
    text = alphabet.decode(labels)
    if len(text) > len(labels):  # labels of several characters
        lengths = [len(alphabet.labels[label]) for label in labels]
        labels = np.repeat(labels, lengths).tolist()
        frames = np.repeat(frames, lengths).tolist()
    return Candidate(score, text, tuple(frames), tuple(labels))
