"""From recognised words to written text: finals in, edits out.

The formatter keeps the whole dictated text. Each final yields a new version,
and the difference is the edit, so every command is a simple string operation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from streamer.dictation.commands import Command, CommandTable, Kind
from streamer.dictation.numbers import NumberWriter
from streamer.output.edit import Edit

_SENTENCE_END = re.compile(r"""[.?!]["')]*\s*$""")
#: The pronoun that English capitalises: i, i'm, i'll ...
_FIRST_PERSON = re.compile(r"^i(?='|$)")


class Dictated(NamedTuple):
    """The result of a final.

    Attributes:
        edit: the change to the text dictated so far.
        text: the text of this utterance, without the space before it.
        stop: whether the speaker asked to stop listening.
    """

    edit: Edit
    text: str
    stop: bool


class PlainFormatter:
    """Joins finals with a space and ignores commands.

    Args:
        write_numbers: writes spoken numbers as digits; None keeps the words.
    """

    def __init__(self, write_numbers: NumberWriter | None = None) -> None:
        self._write_numbers = write_numbers
        self._begun = False

    def feed(self, segment: int, text: str) -> Dictated:
        """Process the text of a final."""
        if self._write_numbers is not None and text:
            text = self._write_numbers(text)
        insert = f" {text}" if self._begun and text else text
        self._begun = self._begun or bool(text)
        return Dictated(Edit(segment, 0, insert), text, False)


class DictationFormatter:
    """Carries out spoken commands; adds capitals and spaces.

    Args:
        table: the spoken commands.
        write_numbers: writes spoken numbers as digits; None keeps the words.

    Attributes:
        text: the text dictated so far.
    """

    def __init__(self, table: CommandTable, write_numbers: NumberWriter | None = None) -> None:
        self._table = table
        self._write_numbers = write_numbers
        self.text = ""
        # Where each utterance starts in the text, for "scratch that".
        self._starts: list[int] = []

    def feed(self, segment: int, text: str) -> Dictated:
        """Process the text of a final.

        Args:
            segment: number of the utterance, for the edit.
            text: recognised words, separated by spaces.
        """
        before = self.text
        self._starts.append(len(before))
        stop = self._process(text.split())
        kept = _common_length(before, self.text)
        edit = Edit(segment, len(before) - kept, self.text[kept:])
        own = self.text[self._starts[-1] if self._starts else 0 :]
        # Utterances that left no text cannot be scratched.
        self._starts = [start for start in self._starts if start < len(self.text)]
        return Dictated(edit, own.lstrip(" "), stop)

    def _process(self, words: Sequence[str]) -> bool:
        """Process the words of an utterance; return whether one of them is the stop command."""
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
        """Write the words between two commands and clear the list."""
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
        """Delete this utterance so far or, if it has no text yet, the previous one."""
        while self._starts:
            start = self._starts[-1]
            if start < len(self.text):
                self.text = self.text[:start]
                return
            self._starts.pop()
        self._starts.append(len(self.text))  # nothing is left; this utterance starts here

    def _delete_word(self) -> None:
        """Delete the last word and the punctuation attached to it."""
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
        """Return the opening mark at the end of a text, empty if there is none."""
        closing = {c.text for c in self._commands() if c.kind is Kind.CLOSING}
        for command in self._commands():
            mark = command.text
            if command.kind is not Kind.OPENING or not text.endswith(mark):
                continue
            # A straight quote opens and closes; after an odd number of them it is open.
            if mark not in closing or text.count(mark) % 2:
                return mark
        return ""

    def _commands(self) -> Iterable[Command]:
        return self._table.commands.values()


def _common_length(one: str, other: str) -> int:
    """Return the length of the common prefix of two texts."""
    if other.startswith(one):
        return len(one)
    for position, (a, b) in enumerate(zip(one, other)):
        if a != b:
            return position
    return len(other)
