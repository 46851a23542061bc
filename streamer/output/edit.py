"""An edit to the text that dictation has written so far."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """Delete the last ``delete`` characters, then append ``insert``.

    All edits of a stream, applied in order to an empty text, give the dictated
    text, including spaces and line breaks.

    Attributes:
        segment: number of the utterance that caused the edit.
        delete: number of characters to delete, in Unicode code points.
        insert: text to append.
    """

    segment: int
    delete: int
    insert: str

    def apply(self, text: str) -> str:
        """Return a text with the edit applied."""
        return text[: len(text) - self.delete] + self.insert
