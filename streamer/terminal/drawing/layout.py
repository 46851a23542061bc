"""Where things stand: margins, the width of the text, the gutter of the times."""

from __future__ import annotations

from dataclasses import dataclass

#: Empty columns at the left and right of everything.
MARGIN = 2
#: Columns of text and gutter at most: longer lines are hard to read.
WIDEST = 88
#: The gutter for times at the right; always there, so that showing them moves nothing.
GUTTER = 8
#: The same in a window narrower than `NARROW`.
NARROW_GUTTER = 6
NARROW = 60


@dataclass(frozen=True)
class Layout:
    """Columns of a window.

    Attributes:
        margin: empty columns at the left.
        columns: columns between the margins.
        text: those for words.
        gutter: the rest, at the right: for times.
    """

    margin: int
    columns: int
    text: int
    gutter: int


def layout_of(width: int) -> Layout:
    """Return the layout of a window.

    Args:
        width: its columns. The last one is never used, because terminals differ in
            whether a row that fills it wraps.
    """
    margin = MARGIN if width >= 16 else 0
    columns = max(min(width - 2 * MARGIN, WIDEST) if margin else width - 1, 4)
    gutter = GUTTER if width >= NARROW else NARROW_GUTTER if width >= 24 else 0
    return Layout(margin, columns, columns - gutter, gutter)
