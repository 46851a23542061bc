"""Interface of the decoders and their results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from streamer.arrays import FloatArray


@dataclass(frozen=True)
class DecodedWord:
    """A word with its times and confidence.

    Attributes:
        word: in the letters of the alphabet.
        start_frame: frame of its first letter, counted since the start of the utterance.
        end_frame: one past the frame of its last letter.
        confidence: how likely the word is to be right, 0 to 1, where the model is calibrated;
            otherwise the geometric mean over its letters of the highest probability of each
            letter from its frame to that of the next.
    """

    word: str
    start_frame: int
    end_frame: int
    confidence: float


@dataclass(frozen=True)
class Hypothesis:
    """The transcript of an utterance so far.

    Attributes:
        text: words separated by single spaces; the last may still grow.
        stable: the words at the start of ``text`` that no later hypothesis of this
            utterance will change.
        words: the words of ``text``.
        alternatives: other texts, likeliest first; they begin with ``stable`` too.
        score: natural logarithm of the probability since the search was last restarted;
            only comparable with the candidates of the same moment.
    """

    text: str = ""
    stable: str = ""
    words: tuple[DecodedWord, ...] = ()
    alternatives: tuple[str, ...] = ()
    score: float = 0.0


class Decoder(Protocol):
    """Converts probabilities to words, chunk by chunk.

    ``text.startswith(stable)`` always; ``stable`` never shrinks or changes
    within an utterance, `finish` included.
    """

    @property
    def name(self) -> str:
        """Name for users: "beam", "ds", "greedy"."""
        ...

    @property
    def doubtful(self) -> float:
        """Words with a lower confidence should be marked."""
        ...

    def feed(self, probabilities: FloatArray) -> None:
        """Process the next frames.

        Args:
            probabilities: float32 (n, n_labels), the blank last.
        """
        ...

    def hypothesis(self) -> Hypothesis:
        """Return the hypothesis so far; changes nothing."""
        ...

    def finish(self) -> Hypothesis:
        """End the utterance and return its hypothesis; ``stable`` equals ``text``."""
        ...

    def reset(self) -> None:
        """Start a new utterance."""
        ...

    def new_stream(self) -> Decoder:
        """Return the same decoder for another stream.

        Words and language models are shared: both decoders belong to the same thread.
        """
        ...
