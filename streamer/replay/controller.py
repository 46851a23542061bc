"""What the keys do, and where the words are: no terminal, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from streamer.replay.screen import Moment, draw, layout
from streamer.replay.transcript import TimedWord, word_at

#: Played around a single word: its times are those of frames of 20 ms, in seconds.
_AROUND_S = 0.08


class Playing(Protocol):
    """The part of `streamer.replay.player.Player` that is used here."""

    seconds: float

    @property
    def playing(self) -> bool:
        """Whether it plays."""

    @property
    def position_s(self) -> float:
        """What is heard now."""

    def play(self, start_s: float, end_s: float | None = None) -> None:
        """Play."""

    def pause(self) -> None:
        """Stop."""


class Controller:
    """Moves through the words of a recording.

    Args:
        player: plays it.
        words: in the order of time, at least one.
    """

    def __init__(self, player: Playing, words: Sequence[TimedWord]) -> None:
        self._player = player
        self._words = words
        self._cursor = 0
        self._follows = True  # the cursor goes with the sound
        self._laid_out: tuple[int, list[list[int]]] = 0, []  # columns, and the rows for them
        self.ended = False

    def press(self, key: str, columns: int) -> None:
        """Carry out a key; unknown ones do nothing."""
        self._catch_up()
        if key == "q":
            self.ended = True
        elif key == " ":
            self._play_or_pause()
        elif key == "\n":
            word = self._words[self._cursor]
            self._follows = False
            self._player.play(word.start - _AROUND_S, word.end + _AROUND_S)
        elif key in ("left", "right"):
            self._move_to(self._cursor + (1 if key == "right" else -1))
        elif key in ("up", "down"):
            self._move_row(1 if key == "down" else -1, columns)
        elif key in ("home", "end"):
            self._move_to(0 if key == "home" else len(self._words) - 1)

    def screen(self, columns: int, lines: int) -> list[str]:
        """Return the rows of the screen now."""
        self._catch_up()
        player = self._player
        time_s = player.position_s
        moment = Moment(
            time_s, player.seconds, player.playing, word_at(self._words, time_s), self._cursor
        )
        return draw(self._words, self._rows(columns), moment, lines)

    def _rows(self, columns: int) -> list[list[int]]:
        if self._laid_out[0] != columns:
            self._laid_out = columns, layout(self._words, columns)
        return self._laid_out[1]

    def _catch_up(self) -> None:
        if self._follows and self._player.playing:
            self._cursor = word_at(self._words, self._player.position_s) or 0

    def _play_or_pause(self) -> None:
        if self._player.playing:
            self._player.pause()
        else:
            self._follows = True
            self._player.play(self._words[self._cursor].start)

    def _move_to(self, number: int) -> None:
        self._player.pause()
        self._cursor = max(0, min(number, len(self._words) - 1))

    def _move_row(self, step: int, columns: int) -> None:
        rows = [row for row in self._rows(columns) if row]
        here = next(k for k, row in enumerate(rows) if self._cursor in row)
        there = rows[max(0, min(here + step, len(rows) - 1))]
        column = self._cursor - rows[here][0]
        self._move_to(there[min(column, len(there) - 1)])
