"""Editing a line with the keys of readline."""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORD_BEFORE = re.compile(r"\w*\W*$")
_WORD_AFTER = re.compile(r"^\W*\w*")


@dataclass(frozen=True)
class EditedLine:
    """A text and the place of the next character; every key gives a new one.

    Attributes:
        text: the text.
        at: how many of its characters are before the cursor.
    """

    text: str
    at: int

    def press(self, key: str) -> EditedLine:
        """Return the line after a key; a key that means nothing here changes nothing.

        Args:
            key: a character, or a name such as "left"; see `streamer.terminal.tty.keys`.
        """
        before, after = self.text[: self.at], self.text[self.at :]
        if key in ("left", "\x02"):
            return self._move(self.at - 1)
        if key in ("right", "\x06"):
            return self._move(self.at + 1)
        if key in ("home", "\x01"):
            return self._move(0)
        if key in ("end", "\x05"):
            return self._move(len(self.text))
        if key in ("ctrl-left", "alt-b"):
            return self._move(self.at - self._word_before())
        if key in ("ctrl-right", "alt-f"):
            return self._move(self.at + self._word_after())
        if key in ("\x7f", "\x08"):
            return EditedLine(before[:-1] + after, max(self.at - 1, 0))
        if key in ("delete", "\x04"):
            return EditedLine(before + after[1:], self.at)
        if key in ("\x17", "alt-\x7f"):
            kept = before[: len(before) - self._word_before()]
            return EditedLine(kept + after, len(kept))
        if key == "alt-d":
            return EditedLine(before + after[self._word_after() :], self.at)
        if key == "\x15":
            return EditedLine(after, 0)
        if key == "\x0b":
            return EditedLine(before, self.at)
        if len(key) == 1 and key.isprintable():
            return EditedLine(before + key + after, self.at + 1)
        return self

    def _move(self, at: int) -> EditedLine:
        return EditedLine(self.text, min(max(at, 0), len(self.text)))

    def _word_before(self) -> int:
        found = _WORD_BEFORE.search(self.text[: self.at])
        return len(found.group()) if found else 0

    def _word_after(self) -> int:
        found = _WORD_AFTER.search(self.text[self.at :])
        return len(found.group()) if found else 0


@dataclass(frozen=True)
class Edit:
    """A final that is being edited.

    Attributes:
        line: its text so far.
        place: its number among the finals.
        before: how it was displayed.
    """

    line: EditedLine
    place: int
    before: str
