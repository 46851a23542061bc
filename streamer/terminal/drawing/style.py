"""Styled text for a terminal: spans of text, each with the codes of its style.

A style is the parameters of one SGR sequence, such as ``1;38;5;79``; an empty one
is the terminal's own colour. Nothing here needs Rich, whose import takes longer
than the first frame may and whose rendering took most of a frame's time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len

#: Parameters of an SGR sequence.
Style = str


class Span(NamedTuple):
    """A piece of text in one style."""

    text: str
    style: Style = ""


#: One row of the screen.
Row = Sequence[Span]


def columns_of(text: str) -> int:
    """Return how many columns a text takes."""
    return len(text) if text.isascii() else cell_len(text)


def row_columns(row: Row) -> int:
    """Return how many columns a row takes."""
    return sum(columns_of(span.text) for span in row)


def plain(row: Row) -> str:
    """Return the text of a row."""
    return "".join(span.text for span in row)


def encode(row: Row) -> str:
    """Return a row with the control sequences of its styles."""
    parts: list[str] = []
    text, style = "", ""
    for span in (*row, Span("", "\0")):
        if span.style != style:
            if text:
                parts.append(f"\x1b[{style}m{text}\x1b[0m" if style else text)
            text, style = "", span.style
        text += span.text
    return "".join(parts)


def joined(*styles: Style) -> Style:
    """Return a style with all parameters of some styles."""
    return ";".join(style for style in styles if style)


def spread(left: Iterable[Span], right: Iterable[Span], columns: int) -> list[Span]:
    """Return a row with one part at its beginning and one at its end.

    Args:
        left: the part at the beginning.
        right: the part at the end.
        columns: the width of the row, at least that of both parts.
    """
    left, right = list(left), list(right)
    space = columns - row_columns(left) - row_columns(right)
    return [*left, Span(" " * max(space, 0)), *right] if right else left


def clipped(row: Row, columns: int) -> Row:
    """Return a row without what is beyond some columns."""
    if row_columns(row) <= columns:
        return row
    kept: list[Span] = []
    for text, style in row:
        while text and columns_of(text) > columns:
            text = text[:-1]
        kept.append(Span(text, style))
        columns -= columns_of(text)
    return kept
