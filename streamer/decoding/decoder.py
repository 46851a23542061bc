"""What every decoder gives and takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from streamer.arrays import FloatArray


@dataclass(frozen=True)
class DecodedWord:
    """A word and where it was heard.

    Attributes:
        word: as the alphabet spells it.
        start_frame: frame of its first letter, counted since the utterance began.
        end_frame: one past the frame of its last letter.
        confidence: 0 (guessed) to 1 (sure): the geometric mean, over its letters,
            of the highest probability the network gave the letter between the
            frame where the hypothesis has it and the next letter's.
    """

    word: str
    start_frame: int
    end_frame: int
    confidence: float


@dataclass(frozen=True)
class Hypothesis:
    """What an utterance seems to be.

    Attributes:
        text: words with single spaces; the last may still grow.
        stable: whole words that ``text`` begins with and that no later
            hypothesis of this utterance will change.
        words: the words of ``text``.
        alternatives: other texts, likeliest first; they begin with ``stable`` too.
        score: natural logarithm, of the search since it last forgot what is
            settled; comparable between the hypotheses of one moment only.
    """

    text: str = ""
    stable: str = ""
    words: tuple[DecodedWord, ...] = ()
    alternatives: tuple[str, ...] = ()
    score: float = 0.0


class Decoder(Protocol):
    """Turns probabilities of letters into words, a chunk at a time.

    ``text.startswith(stable)`` always; ``stable`` never shrinks or changes
    within an utterance, `finish` included.
    """

    @property
    def name(self) -> str:
        """Which decoder this is, for people: "beam", "ds", "greedy"."""
        ...

    def feed(self, probabilities: FloatArray) -> None:
        """Take the next frames.

        Args:
            probabilities: float32 (n, n_labels), the blank last.
        """
        ...

    def hypothesis(self) -> Hypothesis:
        """Say what the utterance seems to be so far; changes nothing."""
        ...

    def finish(self) -> Hypothesis:
        """End the utterance and say what it was; ``stable`` equals ``text``."""
        ...

    def reset(self) -> None:
        """Begin a new utterance."""
        ...
