"""What a rule is given and what it returns."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from streamer.text.numbers.window import Window


class DateStyle(enum.Enum):
    """The order of a date: 3 May 1982, or May 3, 1982."""

    DMY = "dmy"
    MDY = "mdy"


@dataclass(frozen=True)
class Span:
    """Words that a rule has decided.

    Attributes:
        end: the place behind them.
        text: how they are written; None where they stay as they are.
        kind: ``year``, ``time`` or ``""``; a range goes on in the kind that it began with.
    """

    end: int
    text: str | None = None
    kind: str = ""


@dataclass(frozen=True)
class Place:
    """A place in an utterance.

    Attributes:
        words: the utterance.
        position: the word that is next.
        date_style: order of day and month.
        kind: of the last number written.
        kind_end: the place behind it.
    """

    words: Window
    position: int
    date_style: DateStyle = DateStyle.DMY
    kind: str = ""
    kind_end: int = -1

    @property
    def word(self) -> str:
        """The next word."""
        return self.words.at(self.position)

    def before(self, distance: int = 1) -> str:
        """Return a word before this place, or ""."""
        return self.words.at(self.position - distance)

    def continues(self, kind: str) -> bool:
        """Whether a range goes on here: "from ten thirty to eleven fifteen"."""
        joined = self.before() in ("to", "and", "or", "until", "till", "through")
        return joined and self.kind == kind and self.kind_end == self.position - 1

    def after(self, end: int, span: Span | None) -> Place:
        """Return the place behind a span."""
        if span is None or not span.kind:
            return replace(self, position=end)
        return replace(self, position=end, kind=span.kind, kind_end=end)
