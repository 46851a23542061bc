"""What the searches (flashlight's, DeepSpeech's, greedy) have in common.

A search knows frames and characters. Words, the stable prefix, forgetting what
is settled and starting over belong to `streamer.decoding.streaming`, which
drives any of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Protocol, Sequence, Tuple

import numpy as np

from streamer.decoding.alphabet import Alphabet
from streamer.decoding.decoder import FloatArray


@dataclass(frozen=True)
class Path:
    """One hypothesis of a search.

    Attributes:
        score: natural logarithm; higher is likelier.
        text: its characters, spaces as they were heard.
        frames: for each character the frame where it was first heard,
            counted since `Search.begin`.
    """

    score: float
    text: str
    frames: Tuple[int, ...]


class Search(Protocol):
    """A search over sequences of characters."""

    #: Which search this is, for people.
    name: str

    #: Whether it never changes a word once a space has followed it.
    certain: bool

    def begin(self) -> None:
        """Forget everything."""
        ...

    def step(self, probabilities: FloatArray) -> None:
        """Take the next frames: float32 (n, n_labels), C-contiguous, n >= 1."""
        ...

    def end(self) -> None:
        """Complete the last words: nothing follows."""
        ...

    def paths(self, n: int) -> List[Path]:
        """Return up to n hypotheses of distinct text, likeliest first; at least one."""
        ...

    def is_word(self, letters: str) -> bool:
        """Whether letters that no space has followed yet are a word as they stand."""
        ...


def spell(alphabet: Alphabet, text: str) -> FloatArray:
    """Return frames, float32 (n, n_labels), that spell a text beyond doubt.

    A search that hears them stands where it would stand after the text, its
    language model included: so a search is started in the middle of a sentence.
    """
    labels: List[int] = []
    for label in alphabet.encode(text):
        if labels and labels[-1] == label:
            labels.append(alphabet.blank)
        labels.append(label)
    frames = np.zeros((len(labels), len(alphabet) + 1), np.float32)
    frames[np.arange(len(labels)), labels] = 1.0
    return frames


def collapse(labels: Sequence[int], alphabet: Alphabet) -> Tuple[str, Tuple[int, ...]]:
    """Apply CTC's rule to the labels of a path, one a frame: text and frames.

    Repeated labels are one character unless a blank stands between them.
    """
    path = np.asarray(labels, np.int64)
    heard = path != alphabet.blank
    heard[1:] &= path[1:] != path[:-1]
    frames = np.flatnonzero(heard)
    return alphabet.decode(path[frames].tolist()), tuple(frames.tolist())
