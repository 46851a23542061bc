"""What is on the screen: a pure function of the words, the time and the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from streamer.printable import printable
from streamer.replay.transcript import TimedWord

#: Lines are no wider than one reads with ease.
_MOST_COLUMNS = 88
_MARGIN = 2
_RESET, _DIM, _REVERSE, _UNDERLINE = "\x1b[0m", "\x1b[2m", "\x1b[7m", "\x1b[4m"
KEYS = "enter plays the word   space plays on   arrows move   q ends"


@dataclass(frozen=True)
class Moment:
    """What to show.

    Attributes:
        time_s: what is heard now, in seconds.
        seconds: length of the recording.
        playing: whether it plays.
        lit: number of the word that is heard; None before the first.
        cursor: number of the word that the keys act on.
    """

    time_s: float
    seconds: float
    playing: bool
    lit: int | None
    cursor: int


def layout(words: Sequence[TimedWord], columns: int) -> list[list[int]]:
    """Divide the numbers of words into rows; an empty row stands before a paragraph."""
    width = max(1, min(_MOST_COLUMNS, columns - 2 * _MARGIN))
    rows: list[list[int]] = [[]]
    used = 0
    for number, word in enumerate(words):
        length = cell_len(printable(word.text))
        if word.breaks and rows[-1]:
            rows += [[], []]
            used = 0
        elif rows[-1] and used + 1 + length > width:
            rows.append([])
            used = 0
        used += length + (1 if rows[-1] else 0)
        rows[-1].append(number)
    return rows


def draw(
    words: Sequence[TimedWord], rows: Sequence[Sequence[int]], moment: Moment, lines: int
) -> list[str]:
    """Return the rows of the screen: words, a blank row, the status."""
    shown = max(1, lines - 3)
    focus = moment.cursor
    row_of_focus = next((k for k, row in enumerate(rows) if focus in row), 0)
    first = max(0, min(row_of_focus - shown // 2, len(rows) - shown))
    drawn = [
        " " * _MARGIN + " ".join(_styled(words[n], n, moment) for n in row)
        for row in rows[first : first + shown]
    ]
    drawn += [""] * (shown - len(drawn))
    symbol = "▶" if moment.playing else "‖"
    times = f"{clock_time(moment.time_s)} / {clock_time(moment.seconds)}"
    return ["", *drawn, "", f"{' ' * _MARGIN}{symbol} {times}   {_DIM}{KEYS}{_RESET}"][:lines]


def clock_time(seconds: float) -> str:
    """Format a time as ``M:SS`` or ``H:MM:SS``."""
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _styled(word: TimedWord, number: int, moment: Moment) -> str:
    text = printable(word.text)
    if moment.playing and number == moment.lit:
        return f"{_REVERSE}{text}{_RESET}"
    if not moment.playing and number == moment.cursor:
        return f"{_REVERSE}{_UNDERLINE}{text}{_RESET}"
    if moment.lit is None or number > moment.lit:
        return f"{_DIM}{text}{_RESET}"
    return text
