"""The interface of an engine that transcribes whole utterances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from streamer.arrays import FloatArray
from streamer.events import Word


@dataclass(frozen=True)
class Said:
    """What an engine heard in one utterance.

    Attributes:
        text: as the engine writes it; empty if it heard nothing.
        written: whether `text` has the engine's own marks and capitals.
        words: with their times in seconds since the utterance began; empty if
            the engine gives none.
        confidence: of the engine in `text`, 0 to 1; None if it gives none.
    """

    text: str
    written: bool = True
    words: Sequence[Word] = ()
    confidence: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
        words = [[w.word, w.start, w.end, w.confidence] for w in self.words]
        return {
            "text": self.text,
            "written": self.written,
            "words": words,
            "confidence": self.confidence,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Said:
        """Return what `as_json` wrote."""
        words = tuple(Word(*word) for word in values["words"])
        return cls(values["text"], values["written"], words, values["confidence"])


class FinalsEngine(Protocol):
    """Transcribes one utterance at a time, in a process of its own."""

    def load(self) -> None:
        """Load the weights, from this machine only; any exception is a failure."""

    def transcribe(self, samples: FloatArray) -> Said:
        """Transcribe an utterance.

        Args:
            samples: float32 (n,), mono, 16 kHz, full scale 1.
        """
