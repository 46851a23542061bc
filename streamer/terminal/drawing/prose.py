"""Paragraphs: words with their styles, laid out in rows.

The text of a stream flows: an utterance goes on in the row where the one before it
ended. A row depends only on the words before it, so full rows stay as they are while
more words come; what is final goes to the scrollback row by row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from streamer.alignment import align
from streamer.events import Final, Partial, Word
from streamer.terminal.drawing.layout import Layout
from streamer.terminal.drawing.style import Row, Span, Style, columns_of, joined, spread
from streamer.terminal.drawing.theme import Theme
from streamer.terminal.drawing.wrapping import printable, wrap
from streamer.terminal.times import format_time
from streamer.terminal.view_state import MARKS

_WORD = re.compile(r"\S+")


class Token(NamedTuple):
    """A word of a paragraph.

    Attributes:
        spans: the word; in parts where only some of it is marked.
        columns: its width.
        breaks: line breaks before it: 0, 1, or 2 for a new paragraph.
        time: when the utterance that it begins began, in seconds; else None.
    """

    spans: tuple[Span, ...]
    columns: int
    breaks: int = 0
    time: float | None = None


class Line(NamedTuple):
    """A row of a paragraph: its words; none for the row between two paragraphs."""

    tokens: tuple[Token, ...]

    @property
    def time(self) -> float | None:
        """When the first utterance that begins in this row began."""
        return next((token.time for token in self.tokens if token.time is not None), None)


def final_tokens(final: Final, theme: Theme, doubtful: float) -> list[Token]:
    """Return the words of a final.

    Args:
        final: the utterance.
        theme: styles.
        doubtful: words of a lower confidence are marked; 0 marks none.
    """
    breaks = min(final.space.count("\n"), 2)
    return _tokens(final.display, len(final.display), final.words, final.start, theme,
                   doubtful, breaks)  # fmt: skip


def partial_tokens(
    partial: Partial, theme: Theme, doubtful: float, new_paragraph: bool
) -> list[Token]:
    """Return the words of a partial; those that may still change are grey, and never marked."""
    stable = len(partial.display_stable)
    return _tokens(partial.display, stable, partial.words, partial.start, theme, doubtful,
                   2 if new_paragraph else 0)  # fmt: skip


def plain_tokens(text: str, style: Style) -> list[Token]:
    """Return the words of a text in one style; it begins a row."""
    words = printable(text).split()
    return [
        Token((Span(word, style),), columns_of(word), breaks=int(number == 0))
        for number, word in enumerate(words)
    ]


def _tokens(
    text: str,
    stable: int,
    words: Sequence[Word],
    start: float,
    theme: Theme,
    doubtful: float,
    breaks: int,
) -> list[Token]:
    shown = list(_WORD.finditer(text))
    unsure = _unsure(shown, words, doubtful)
    tokens: list[Token] = []
    end = 0
    for number, found in enumerate(shown):
        is_stable = found.end() <= stable
        style = theme.text if is_stable else theme.tail
        word = printable(found.group())
        spans: tuple[Span, ...] = (Span(word, style),)
        if is_stable and number in unsure:
            bare = word.rstrip(MARKS)  # marks are never underlined
            spans = (Span(bare, joined(style, theme.unsure)), Span(word[len(bare) :], style))
        if number:
            breaks = min(text.count("\n", end, found.start()), 2)
        tokens.append(Token(spans, columns_of(word), breaks, start if number == 0 else None))
        end = found.end()
    return tokens


def _unsure(shown: Sequence[re.Match[str]], words: Sequence[Word], below: float) -> set[int]:
    """Return which displayed words stand for one of low confidence."""
    low = {place for place, word in enumerate(words) if word.confidence < below}
    if not low:
        return set()
    places = align([found.group() for found in shown], [word.word for word in words])
    return {number for number, place in enumerate(places) if not low.isdisjoint(place)}


def flow(tokens: Iterable[Token], columns: int) -> list[Line]:
    """Lay words out in rows.

    Args:
        tokens: the words, of any number of paragraphs.
        columns: the width of a row.

    Returns:
        The rows; between paragraphs, one without words.
    """
    lines: list[Line] = []
    row: list[Token] = []
    used = 0
    for token in tokens:
        if row and (token.breaks or used + 1 + token.columns > columns):
            lines.append(Line(tuple(row)))
            if token.breaks > 1:
                lines.append(Line(()))
            row, used = [], 0
        if token.columns > columns:
            *full, token = _pieces(token, columns)
            lines += [Line((piece,)) for piece in full]
        used += token.columns + (1 if row else 0)
        row.append(token)
    return [*lines, Line(tuple(row))] if row else lines


def _pieces(token: Token, columns: int) -> list[Token]:
    """Break a word that is wider than a row."""
    text = "".join(span.text for span in token.spans)
    pieces = [text[start:end] for start, end in wrap(text, columns)]
    style = token.spans[0].style
    return [
        Token(
            (Span(piece, style),),
            columns_of(piece),
            token.breaks if number == 0 else 1,
            token.time if number == 0 else None,
        )
        for number, piece in enumerate(pieces)
    ]


def line_row(line: Line, layout: Layout, theme: Theme, timestamps: bool) -> Row:
    """Draw a row of a paragraph, with its time in the gutter if times are shown."""
    if not line.tokens:
        return ()
    row = [Span(" " * layout.margin)]
    for number, token in enumerate(line.tokens):
        if number:
            # The space between two words looks like both of them.
            before, after = line.tokens[number - 1].spans[-1].style, token.spans[0].style
            row.append(Span(" ", after if before == after and "4" not in after else ""))
        row += token.spans
    if not timestamps or line.time is None or not layout.gutter:
        return row
    time = Span(gutter_time(line.time, layout.gutter - 1), theme.quiet)
    return spread(row, [time], layout.margin + layout.columns)


def gutter_time(seconds: float, columns: int) -> str:
    """Return a time for the gutter: ``M:SS``, ``H:MM:SS``, or ``HhMM`` where that is too wide."""
    time = format_time(seconds)
    if len(time) <= columns:
        return time
    minutes = int(seconds) // 60
    return f"{minutes // 60}h{minutes % 60:02d}"
