"""Screen updates: rewrites the changed rows of a region below the scrollback.

rich.live erases its region before it redraws, which flickers in tmux and screen,
and leaves copies behind when a window becomes narrower. Here the cursor rests at
the region's first row between frames. Wherever the terminal moves its text on a
resize, the cursor moves along, so the region is always everything from the cursor
to the end of the screen. Rows are overwritten and then erased to their end, never
erased first, and each frame is a single write.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

_ERASE_BELOW = "\x1b[J"
_ERASE_TO_END = "\x1b[K"
_HIDE_CURSOR = "\x1b[?25l"
_SHOW_CURSOR = "\x1b[?25h"
# A terminal may shrink before the program is told (tmux takes a quarter of a second).
# So rows of the region neither wrap nor scroll, and the cursor returns to a position
# that the terminal has saved. Rows for the scrollback wrap, so that nothing is lost.
_WRAP_OFF = "\x1b[?7l"
_WRAP_ON = "\x1b[?7h"
_ROW_DOWN = "\r\x1b[B"
_SAVE_CURSOR = "\x1b7"
_RESTORE_CURSOR = "\x1b8"


class Painter:
    """Maintains a region of rows at the cursor.

    Args:
        write: writes to the terminal and flushes.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._rows: list[str] = []
        self._unknown = True
        self._hidden = False

    @property
    def height(self) -> int:
        """How many rows the region has now, 0 while that is unknown."""
        return 0 if self._unknown else len(self._rows)

    def paint(self, scrolled: Sequence[str], rows: Sequence[str]) -> bool:
        """Write rows to the scrollback and draw the region below them.

        Args:
            scrolled: rows for the scrollback, each narrower than the terminal.
            rows: the region; fewer rows than the terminal has, and narrower.

        Returns:
            Whether anything had to be written.
        """
        if not scrolled and not self._unknown and list(rows) == self._rows:
            return False
        out = ["\r"]
        if not self._hidden:
            out.append(_HIDE_CURSOR)
            self._hidden = True
        if self._unknown:
            out.append(_ERASE_BELOW)
        before = [] if self._unknown or scrolled else self._rows
        out += [row + _ERASE_TO_END + "\r\n" for row in scrolled]
        if len(rows) > max(len(before), 1):  # make room, scrolling if necessary
            out.append("\n" * (len(rows) - 1) + f"\x1b[{len(rows) - 1}A")
        out.append(_SAVE_CURSOR + _WRAP_OFF)
        for number, row in enumerate(rows):
            if number:
                out.append(_ROW_DOWN)
            last = number == len(rows) - 1
            if last and (scrolled or len(rows) < len(before)):
                out.append(row + _ERASE_BELOW)
            elif number >= len(before) or before[number] != row:
                out.append(row + _ERASE_TO_END)
        out.append(_RESTORE_CURSOR + _WRAP_ON)
        self._rows, self._unknown = list(rows), False
        self._write("".join(out))
        return True

    def forget(self) -> None:
        """Redraw everything next time, because the size changed or others wrote."""
        self._unknown, self._hidden = True, False

    def refresh(self) -> None:
        """Rewrite every row next time, without erasing first."""
        self._rows = ["\0"] * len(self._rows)  # differs from every row

    def clear(self, scrolled: Sequence[str] = ()) -> None:
        """Write rows to the scrollback, erase the region and show the cursor."""
        if not scrolled and self._unknown:
            return  # nothing has been drawn
        stays = "".join(row + _ERASE_TO_END + "\r\n" for row in scrolled)
        self._write("\r" + stays + _ERASE_BELOW + _SHOW_CURSOR)
        self._rows, self._unknown, self._hidden = [], True, False

    def wipe(self) -> None:
        """Erase the region but keep the cursor hidden, so that others can write there."""
        if not self._unknown:
            self._write("\r" + _ERASE_BELOW)
        self._unknown = True
