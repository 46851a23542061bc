"""Puts rows on a terminal below its scrollback, writing over what changed.

rich.live erases its region before drawing it again, which flickers in tmux and
screen, and leaves copies of it behind when a window is made narrower. Here the
cursor is parked at the region's first row while nothing is drawn: wherever the
terminal moves its text when it is resized, the cursor goes along, so that
everything from it to the end of the screen is the region and nothing else.
Rows are written over and then erased to their end, never erased first, and each
frame is a single write.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

_ERASE_BELOW = "\x1b[J"
_ERASE_TO_END = "\x1b[K"
_HIDE_CURSOR = "\x1b[?25l"
_SHOW_CURSOR = "\x1b[?25h"
# A terminal may have become smaller before we hear of it (tmux tells a quarter of a
# second later). So rows of the region neither wrap nor scroll, and the way back is to
# a place that the terminal remembers; rows for the scrollback wrap, so that nothing of
# them is lost.
_WRAP_OFF = "\x1b[?7l"
_WRAP_ON = "\x1b[?7h"
_ROW_DOWN = "\r\x1b[B"
_SAVE_PLACE = "\x1b7"
_BACK_TO_PLACE = "\x1b8"


class Painter:
    """Keeps a region of rows at the cursor.

    Args:
        write: takes what the terminal should get, and flushes it.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._rows: list[str] = []
        self._unknown = True
        self._hidden = False

    def paint(self, scrolled: Sequence[str], rows: Sequence[str]) -> bool:
        """Put rows into the scrollback and draw the region below them.

        Args:
            scrolled: rows that are to stay; each narrower than the terminal.
            rows: the region; fewer than the terminal has, each narrower than it.

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
        if len(rows) > max(len(before), 1):  # make room, by scrolling where there is none
            out.append("\n" * (len(rows) - 1) + f"\x1b[{len(rows) - 1}A")
        out.append(_SAVE_PLACE + _WRAP_OFF)
        for number, row in enumerate(rows):
            if number:
                out.append(_ROW_DOWN)
            last = number == len(rows) - 1
            if last and (scrolled or len(rows) < len(before)):
                out.append(row + _ERASE_BELOW)
            elif number >= len(before) or before[number] != row:
                out.append(row + _ERASE_TO_END)
        out.append(_BACK_TO_PLACE + _WRAP_ON)
        self._rows, self._unknown = list(rows), False
        self._write("".join(out))
        return True

    def forget(self) -> None:
        """Draw everything anew next time: the size changed, or others wrote."""
        self._unknown, self._hidden = True, False

    def refresh(self) -> None:
        """Write every row anew next time, over what stands there, without erasing first."""
        self._rows = ["\0"] * len(self._rows)  # equals no row

    def clear(self, scrolled: Sequence[str] = ()) -> None:
        """Put rows into the scrollback, erase the region and show the cursor again."""
        if not scrolled and self._unknown:
            return  # nothing of ours is there
        stays = "".join(row + _ERASE_TO_END + "\r\n" for row in scrolled)
        self._write("\r" + stays + _ERASE_BELOW + _SHOW_CURSOR)
        self._rows, self._unknown, self._hidden = [], True, False

    def wipe(self) -> None:
        """Erase the region and leave the cursor hidden, so that others can write there."""
        if not self._unknown:
            self._write("\r" + _ERASE_BELOW)
        self._unknown = True
