"""From recognised words to written text: pure, finals in, edits out.

The whole text dictated so far is kept, and each final makes a new one of it;
what differs is the edit. So every command is a small change to a string, and
nothing has to be undone: the edit says how much to take back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Callable, NamedTuple

from streamer.dictation.commands import Command, CommandTable, Kind
from streamer.output.edit import Edit

_SENTENCE_END = re.compile(r"""[.?!]["')]*\s*$""")
#: The first person, which English writes with a capital: i, i'm, i'll ...
_FIRST_PERSON = re.compile(r"^i(?='|$)")


class Dictated(NamedTuple):
    """What a final did.

    Attributes:
        edit: what changes in the text dictated so far.
        text: what the utterance itself brought, without the space before it.
        stop: whether the speaker asked to stop listening.
    """

    edit: Edit
    text: str
    stop: bool


class PlainFormatter:
    """Joins finals with a space and carries out no commands.

    Args:
        write_numbers: turns spoken numbers into digits; None leaves them in words.
    """

    def __init__(self, write_numbers: Callable[[str], str] | None = None) -> None:
        self._write_numbers = write_numbers
        self._begun = False

    def feed(self, segment: int, text: str) -> Dictated:
        """Take the text of a final."""
        if self._write_numbers is not None and text:
            text = self._write_numbers(text)
        insert = f" {text}" if self._begun and text else text
        self._begun = self._begun or bool(text)
        return Dictated(Edit(segment, 0, insert), text, False)


class DictationFormatter:
    """Carries out spoken commands, sets capitals and spaces.

    Args:
        table: the spoken commands.
        write_numbers: turns spoken numbers in plain words into digits; None
            leaves them in words.
    """

    def __init__(
        self, table: CommandTable, write_numbers: Callable[[str], str] | None = None
    ) -> None:
        self._table = table
        self._write_numbers = write_numbers
        self.text = ""
        # Where each utterance began in the text, for "scratch that".
        self._starts: list[int] = []

    def feed(self, segment: int, text: str) -> Dictated:
        """Take the text of a final.

        Args:
            segment: number of the utterance; goes into the edit.
            text: recognised words, separated by spaces.
        """
        before = self.text
        self._starts.append(len(before))
        stop = self._say(text.split())
        kept = _common_length(before, self.text)
        edit = Edit(segment, len(before) - kept, self.text[kept:])
        own = self.text[self._starts[-1] if self._starts else 0 :]
        # Utterances of which nothing is left cannot be taken back.
        self._starts = [start for start in self._starts if start < len(self.text)]
        return Dictated(edit, own.lstrip(" "), stop)

    def _say(self, words: Sequence[str]) -> bool:
        """Carry out the words of an utterance; true when one of them asks to stop."""
        plain: list[str] = []
        casing = ""
        position = 0
        while position < len(words):
            command, length = self._table.match(words, position)
            position += length
            if command is None:
                if casing:
                    self._write_plain(plain)
                    self._write_word(words[position - 1], casing)
                    casing = ""
                else:
                    plain.append(words[position - 1])
                continue
            self._write_plain(plain)
            if command.kind is not Kind.ACTION:
                self._write_mark(command)
            elif command.text == "stop":
                return True
            elif command.text == "literal" and position < len(words):
                plain.append(words[position])
                position += 1
            elif command.text == "scratch":
                self._scratch()
            elif command.text == "delete word":
                self._delete_word()
            else:
                casing = command.text
        self._write_plain(plain)
        return False

    def _write_plain(self, words: list[str]) -> None:
        """Write words between two commands, and empty the list."""
        text = " ".join(words)
        words.clear()
        if self._write_numbers is not None and text:
            text = self._write_numbers(text)
        for word in text.split():
            self._write_word(word)

    def _write_word(self, word: str, casing: str = "") -> None:
        word = _FIRST_PERSON.sub("I", word)
        if casing == "all caps":
            word = word.upper()
        elif casing == "capital" or self._begins_sentence():
            word = word[:1].upper() + word[1:]
        self.text += self._space() + word

    def _write_mark(self, command: Command) -> None:
        if command.kind is Kind.BREAK:
            self.text = self.text.rstrip(" ") + command.text
        elif command.kind in (Kind.OPENING, Kind.REPLACEMENT):
            self.text += self._space() + command.text
        else:
            self.text += command.text

    def _scratch(self) -> None:
        """Take back this utterance so far; when it brought nothing, the one before."""
        while self._starts:
            start = self._starts[-1]
            if start < len(self.text):
                self.text = self.text[:start]
                return
            self._starts.pop()
        self._starts.append(len(self.text))  # nothing is left: this utterance begins here

    def _delete_word(self) -> None:
        """Take back the last word with the marks that stand close to it."""
        kept = self.text.rstrip()
        begin = max(kept.rfind(space) for space in " \n\t") + 1
        self.text = kept[:begin].rstrip(" ")
        self._starts = [min(start, len(self.text)) for start in self._starts]

    def _begins_sentence(self) -> bool:
        text = self.text
        while text:
            mark = self._open_mark(text)
            if not mark:
                break
            text = text[: len(text) - len(mark)].rstrip(" ")
        return not text or text.endswith("\n") or _SENTENCE_END.search(text[-20:]) is not None

    def _space(self) -> str:
        if not self.text or self.text[-1].isspace() or self._open_mark(self.text):
            return ""
        return " "

    def _open_mark(self, text: str) -> str:
        """Return the opening mark in which a text ends, to which the next word is joined."""
        closing = {c.text for c in self._commands() if c.kind is Kind.CLOSING}
        for command in self._commands():
            mark = command.text
            if command.kind is not Kind.OPENING or not text.endswith(mark):
                continue
            # A straight quote opens and closes: it is open after an odd number of them.
            if mark not in closing or text.count(mark) % 2:
                return mark
        return ""

    def _commands(self) -> Iterable[Command]:
        return self._table.commands.values()


def _common_length(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    if other.startswith(one):
        return len(one)
    for position, (a, b) in enumerate(zip(one, other)):
        if a != b:
            return position
    return len(other)
