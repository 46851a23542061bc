"""Sentences across utterances: what stands between one utterance and the next.

A recogniser ends an utterance at a pause, and a pause may be a breath in the middle of a sentence.
So the mark that ends an utterance is not written with it. When the next one begins, what stands
between them is known; when none does for a while, the sentence is closed. Nothing that was
written is ever taken back:

    final "We went home"  close "."  final " They stayed"
    final "We went home"  final ", and they stayed"  close "."
"""

from __future__ import annotations

import enum

from streamer.text.tags import ENDS

#: Silence after which a sentence is closed, in seconds.
CLOSE_AFTER_S = 1.5
#: Silence after which a paragraph begins, in seconds.
PARAGRAPH_AFTER_S = 3.0
#: Between paragraphs.
PARAGRAPH = "\n\n"


class _State(enum.Enum):
    EMPTY = enum.auto()  # nothing was written, or a line was broken
    OPEN = enum.auto()  # the sentence has no mark yet
    MARKED = enum.auto()  # the sentence goes on, and needs no mark
    CLOSED = enum.auto()


class Sentences:
    """The state between utterances: pure, no clock.

    `begin` when an utterance is about to be written, `end` when it was, `close` after silence.
    """

    def __init__(self) -> None:
        self._state = _State.EMPTY

    @property
    def open(self) -> bool:
        """Whether a sentence waits for its mark."""
        return self._state is _State.OPEN

    @property
    def begins(self) -> bool:
        """Whether the next word begins a sentence, whatever it is."""
        return self._state in (_State.EMPTY, _State.CLOSED)

    def begin(self, mark: str = "", silence_s: float | None = None) -> str:
        """Return what stands before the next utterance; the state stays.

        Args:
            mark: what the open sentence goes on with: "" for nothing.
            silence_s: between the two utterances, where it is known.
        """
        if self._state is _State.OPEN:
            return f"{mark} "
        if self._state is _State.CLOSED:
            long = silence_s is not None and silence_s >= PARAGRAPH_AFTER_S
            return PARAGRAPH if long else " "
        return " " if self._state is _State.MARKED else ""

    def end(self) -> None:
        """Note that an utterance was written, without its mark."""
        self._state = _State.OPEN

    def continue_after(self, text: str) -> None:
        """Go on behind a text that somebody else wrote, such as a spoken mark or a line break."""
        if not text or text.endswith("\n"):
            self._state = _State.EMPTY
        else:
            self._state = _State.CLOSED if text.endswith(ENDS) else _State.MARKED

    def close(self, mark: str) -> str:
        """End the open sentence; returns its mark, or "" where none is open."""
        if self._state is not _State.OPEN:
            return ""
        self._state = _State.CLOSED
        return mark
