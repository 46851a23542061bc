"""The live region on a real terminal: take it, draw, make room, give it back."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from typing import Callable, TextIO

from streamer.terminal.drawing.layout import layout_of
from streamer.terminal.drawing.painter import Painter
from streamer.terminal.drawing.render import render
from streamer.terminal.drawing.style import encode
from streamer.terminal.drawing.theme import Theme
from streamer.terminal.drawing.typesetter import Typesetter
from streamer.terminal.tty.keyboard import Keyboard, in_foreground
from streamer.terminal.tty.streams import descriptor
from streamer.terminal.view_state import ViewState

#: How often all rows are rewritten, in seconds, to repair what others wrote over.
REFRESH_S = 1.0
#: How long the region stays away after a final went down a pipe, in seconds: the
#: time the next program in the pipe needs to print it.
PIPE_HOLD_S = 0.15


class LiveRegion:
    """Draws states below the scrollback and owns the keyboard's settings.

    Args:
        file: the terminal; None for whatever ``sys.stderr`` is in `attach`.
        theme: styles and glyphs.
        keyboard: switched to single keys while the region is up, None for none.
        shares_terminal: whether programs at the end of a pipe may print to the
            same terminal; then every frame is written in full.
        clock: seconds.

    Attributes:
        frames: how many frames have been written.
    """

    def __init__(
        self,
        file: TextIO | None,
        theme: Theme,
        keyboard: Keyboard | None = None,
        shares_terminal: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wanted = file
        self._file: TextIO = file if file is not None else sys.stderr
        self._setter = Typesetter(theme)
        self._keyboard = keyboard
        self._shares_terminal = shares_terminal
        self._clock = clock
        self._painter = Painter(self._put)
        self.frames = 0

        # Whoever holds the lock may write to the terminal. It is reentrant, because
        # Ctrl-Z is handled in a thread that may already hold it.
        self._lock = threading.RLock()
        self._scrollback: list[str] = []  # rows not written yet
        self._size = (0, 0)
        self._text_rows = 0  # rows of the region that are for words
        self._refreshed = 0.0
        self._hold_until = 0.0
        self._suspended = False
        self._away = True  # not ours, or not ours until just now
        self._stale = True  # must be drawn even if the state has not changed
        self._gone = False  # the terminal was closed

    def attach(self) -> TextIO:
        """Return the stream that is drawn on: ``sys.stderr`` as it is now, if none was given."""
        self._file = self._wanted if self._wanted is not None else sys.stderr
        self._away = True
        return self._file

    def available(self) -> bool:
        """Return whether the region may be drawn now; take the terminal again after a stop."""
        if self._gone or self._clock() < self._hold_until:
            return False
        fd = descriptor(self._file)
        with self._lock:
            if self._suspended or (fd is not None and not in_foreground(fd)):
                self._away = True
                return False
            if self._away:
                self._away = False
                self._stale = True
                self._painter.forget()
                if self._keyboard is not None:
                    self._keyboard.enter()
            return True

    def needs_drawing(self) -> bool:
        """Return whether the terminal was resized or taken again since the last frame."""
        return self._stale or self._measure() != self._size

    def draw(self, state: ViewState) -> bool:
        """Draw a frame; return False if the terminal was lost meanwhile.

        The caller must hold no lock that a signal handler might wait for.
        """
        now = self._clock()
        size = self._measure()
        width, height = size
        self._stale = False
        self._scrollback += self._rows_for_scrollback(state, width)
        region = render(state, self._setter, width, height)
        with self._writing():
            if self._suspended or self._gone or self._clock() < self._hold_until:
                return False
            if size != self._size:
                self._size = size
                self._painter.forget()
            if now - self._refreshed >= REFRESH_S or self._shares_terminal:
                self._refreshed = now
                self._painter.refresh()
            scrolled, self._scrollback = self._scrollback, []
            # Words that are taken back do not move the status row up; what scrolls away does
            # not either, since the rows go with it.
            before = self._text_rows - len(scrolled) if self._painter.height else 0
            room = height - 1 - len(region.below)
            self._text_rows = max(len(region.text), min(before, room))
            rows = [encode(row) for row in region.rows(self._text_rows)]
            if self._painter.paint(scrolled, rows):
                self.frames += 1
        return True

    def final_words(self, state: ViewState) -> str:
        """Return the final words that are not in the scrollback, pending ones included."""
        return self._setter.final_words(state)

    def make_room(self) -> None:
        """Erase the region for a moment, so that others can print where it stands."""
        with self._writing():
            self._hold_until = self._clock() + PIPE_HOLD_S
            if not (self._suspended or self._away or self._gone):
                self._painter.wipe()

    def write(self, sequence: str) -> None:
        """Send a control sequence that draws nothing."""
        with self._writing():
            self._put(sequence)

    @property
    def theme(self) -> Theme:
        """Styles and glyphs."""
        return self._setter.theme

    def use_theme(self, theme: Theme) -> None:
        """Draw in other styles from the next frame on."""
        with self._lock:
            self._setter.theme = theme
            self._setter.forget()
            self._stale = True

    def forget(self) -> None:
        """Draw everything anew with the next frame."""
        with self._lock:
            self._painter.forget()

    def suspend(self) -> None:
        """Give the terminal back for a while: the process is about to stop."""
        self._suspended = True
        with self._lock:
            with self._writing():
                self._painter.clear()
            if self._keyboard is not None:
                self._keyboard.leave()

    def resume(self) -> None:
        """End `suspend`; the terminal is taken again with the next frame."""
        self._away, self._suspended = True, False

    def mark_away(self) -> None:
        """Check the foreground and take the terminal again before the next frame."""
        self._away = True

    def close(self, state: ViewState) -> None:
        """Write what is pending in a state, erase the region, restore the terminal."""
        with self._lock:
            try:
                width = self._measure()[0]
                self._scrollback += self._rows_for_scrollback(state, width)
                rest = self._setter.flush(state, layout_of(width))
                self._scrollback += [encode(row) for row in rest]
                with self._writing():
                    self._painter.clear(self._scrollback)
                    self._scrollback = []
            finally:
                if self._keyboard is not None:
                    self._keyboard.leave()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the terminal; if it has been closed, note that and carry on."""
        with self._lock:
            try:
                yield
            except OSError:
                self._gone = True  # the transcript goes on without it

    def _measure(self) -> tuple[int, int]:
        """Return columns and rows of the terminal."""
        fd = descriptor(self._file)
        if fd is not None:
            try:
                columns, rows = os.get_terminal_size(fd)
            except OSError:
                columns, rows = 0, 0
            if columns > 0 and rows > 0:
                return columns, rows
        return shutil.get_terminal_size()

    def _rows_for_scrollback(self, state: ViewState, width: int) -> list[str]:
        if not state.pending:
            return []
        return [encode(row) for row in self._setter.scroll(state.pending, state, layout_of(width))]

    def _put(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()
