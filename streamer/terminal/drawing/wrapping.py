"""Breaking a line of text into rows by the columns it takes, wide characters included."""

from __future__ import annotations

import re
import unicodedata

from rich.cells import cell_len

_WORD = re.compile(r"\S+")


def wrap(text: str, width: int) -> list[tuple[int, int]]:
    """Break a text between words; a word wider than a row is broken within.

    A row depends only on what stands before it, so that rows that are full stay
    as they are while more words are said.

    Args:
        text: without line breaks.
        width: columns of a row, at least 2 (a wide character takes two).

    Returns:
        Start and end of each row in ``text``; the spaces between rows belong to
        none. No rows for a text without words.
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
    """Cut one long word into rows; a mark that takes no column stays with its letter."""
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

    What is drawn comes from models, devices and file names; none of them may
    send commands to the terminal.
    """
    if text.isprintable():
        return text
    return "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
