"""Line wrapping by terminal columns, with support for wide characters."""

from __future__ import annotations

import re

from rich.cells import cell_len

from streamer.printable import UNPRINTABLE

_WORD = re.compile(r"\S+")


def wrap(text: str, width: int) -> list[tuple[int, int]]:
    """Wrap a text between words, and within words that are wider than a row.

    A row depends only on the text before it, so full rows stay the same while
    more words are added.

    Args:
        text: without line breaks.
        width: columns per row, at least 2 (a wide character takes two).

    Returns:
        Start and end of each row in ``text``, without the spaces between rows.
        No rows for a text without words.
    """
    rows: list[tuple[int, int]] = []
    start, end, used = 0, 0, 0
    for word in _WORD.finditer(text):
        first, last = word.span()
        cells = cell_len(word.group())
        gap = cell_len(text[end:first])
        if end > start and used + gap + cells <= width:
            end, used = last, used + gap + cells
            continue
        if end > start:
            rows.append((start, end))
        start, used = first, cells
        if cells > width:
            pieces = _pieces(text, first, last, width)
            rows.extend(pieces[:-1])
            start = pieces[-1][0]
            used = cell_len(text[start:last])
        end = last
    if end > start:
        rows.append((start, end))
    return rows


def _pieces(text: str, first: int, last: int, width: int) -> list[tuple[int, int]]:
    """Split a long word into rows; combining marks stay with their letters."""
    pieces: list[tuple[int, int]] = []
    start, used = first, 0
    for index in range(first, last):
        cells = cell_len(text[index])
        if cells and used + cells > width:
            pieces.append((start, index))
            start, used = index, 0
        used += cells
    pieces.append((start, last))
    return pieces


def printable(text: str) -> str:
    """Replace control characters by spaces.

    Text from models, devices and file names must not send commands to the
    terminal.
    """
    if text.isprintable():
        return text
    return UNPRINTABLE.sub(" ", text)


def cut(text: str, columns: int, ellipsis: str) -> str:
    """Shorten a text that is too wide, with an ellipsis at its end."""
    if cell_len(text) <= columns:
        return text
    kept = text
    while kept and cell_len(kept) + cell_len(ellipsis) > columns:
        kept = kept[:-1]
    return kept.rstrip() + ellipsis
