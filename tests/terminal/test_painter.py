"""The painter on an emulated terminal, after arbitrary sequences of frames."""

from __future__ import annotations

import pyte
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.terminal.drawing.painter import Painter


class Emulator:
    """A terminal in memory."""

    def __init__(self, columns: int = 20, rows: int = 8) -> None:
        self.screen = pyte.HistoryScreen(columns, rows, history=1000, ratio=0.001)
        self.stream = pyte.Stream(self.screen)
        self.written: list[str] = []

    def write(self, text: str) -> None:
        self.written.append(text)
        self.stream.feed(text)

    def lines(self) -> list[str]:
        columns = range(self.screen.columns)
        gone = ["".join(row[c].data for c in columns) for row in self.screen.history.top]
        lines = [line.rstrip() for line in [*gone, *self.screen.display]]
        while lines and not lines[-1]:
            lines.pop()
        return lines


ROW = st.text(alphabet="abc", min_size=1, max_size=19)
FRAME = st.tuples(st.lists(ROW, max_size=12), st.lists(ROW, min_size=1, max_size=7))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(FRAME, max_size=8), st.lists(st.sampled_from(["", "refresh", "forget"]), max_size=8)
)
def test_the_scrollback_stays_and_the_region_is_below_it(
    frames: list[tuple[list[str], list[str]]], between: list[str]
) -> None:
    terminal = Emulator()
    painter = Painter(terminal.write)
    stays: list[str] = []
    for number, (scrolled, region) in enumerate(frames):
        painter.paint(scrolled, region)
        stays += scrolled
        assert terminal.lines() == stays + region
        assert terminal.screen.cursor.hidden
        if number < len(between) and between[number]:
            getattr(painter, between[number])()
    painter.clear(["bye"])
    assert terminal.lines() == [*stays, "bye"]
    assert not terminal.screen.cursor.hidden and terminal.screen.cursor.x == 0


def test_a_frame_is_one_write_and_none_if_nothing_changed() -> None:
    terminal = Emulator()
    painter = Painter(terminal.write)
    assert painter.paint(["said"], ["saying", "status"])
    assert not painter.paint([], ["saying", "status"])
    assert len(terminal.written) == 1


def test_nothing_is_erased_before_it_is_rewritten() -> None:
    terminal = Emulator()
    painter = Painter(terminal.write)
    painter.paint([], ["one", "two", "three"])
    painter.paint([], ["one", "two more", "three"])
    assert terminal.written[-1] == "\r\x1b7\x1b[?7l\r\x1b[Btwo more\x1b[K\r\x1b[B\x1b8\x1b[?7h"
    painter.paint(["final"], ["", "two", "three"])
    before_text = terminal.written[-1].partition("final")[0]
    assert "\x1b[K" not in before_text and "\x1b[J" not in before_text


def test_a_refresh_removes_what_others_wrote_over_the_region() -> None:
    terminal = Emulator()
    painter = Painter(terminal.write)
    painter.paint([], ["one", "two"])
    terminal.write("noise")
    painter.refresh()
    painter.paint([], ["one", "two"])
    assert terminal.lines() == ["one", "two"]


def test_a_narrower_terminal_keeps_no_copy_of_the_region() -> None:
    terminal = Emulator(columns=60)
    painter = Painter(terminal.write)
    painter.paint(["final"], ["a" * 55, "b" * 55, "c" * 55])
    terminal.screen.resize(8, 20)
    painter.forget()
    painter.paint([], ["a" * 19, "b" * 19])
    assert terminal.lines() == ["final", "a" * 19, "b" * 19]


def test_a_frame_for_an_outdated_width_does_not_lose_the_position() -> None:
    terminal = Emulator(columns=20)
    painter = Painter(terminal.write)
    painter.paint(["a final of more than twenty columns"], ["a" * 55, "b" * 55])
    painter.forget()
    painter.paint([], ["a" * 19, "b" * 19])
    assert terminal.lines() == ["a final of more than", " twenty columns", "a" * 19, "b" * 19]


def test_clearing_twice_writes_once() -> None:
    terminal = Emulator()
    painter = Painter(terminal.write)
    painter.clear()
    painter.paint([], ["one"])
    painter.clear()
    painter.clear()
    assert len(terminal.written) == 2 and terminal.lines() == []
