"""What dictation does to the text that it has written so far."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """Take back the last ``delete`` characters, then write ``insert``.

    All edits of a stream, applied one after the other to an empty text, give
    the dictated text: spaces and line breaks are in them.

    Attributes:
        segment: number of the utterance that brought the edit.
        delete: how many characters to take back, counted as Python does.
        insert: what to write then.
    """

    segment: int
    delete: int
    insert: str

    def apply(self, text: str) -> str:
        """Return a text with the edit done to it."""
        return text[: len(text) - self.delete] + self.insert
