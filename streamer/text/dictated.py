"""A text that is dictated: utterances and commands in, one text out."""

from __future__ import annotations

from collections.abc import Sequence

from streamer.text.commands import Match, SpokenCommand, what_is_meant
from streamer.text.decisions import Times
from streamer.text.joining import PARAGRAPH
from streamer.text.written import WrittenForm

_STOP = SpokenCommand("actions", "stop")


class DictatedText:
    """The whole text dictated so far.

    Args:
        written: writes the words.
        paragraphs: whether a long silence begins a paragraph.
    """

    def __init__(self, written: WrittenForm, paragraphs: bool = True) -> None:
        self._written = written
        self._paragraphs = paragraphs
        self.text = ""
        # Where each utterance began, for "scratch that".
        self._starts: list[int] = []
        self._open = False
        self._casing = ""

    @property
    def last_utterance(self) -> str:
        """What is left of the newest utterance that left something."""
        return self.text[self._starts[-1] if self._starts else 0 :]

    def utterance(
        self, words: Sequence[str], pauses: Sequence[float], times: Times | None, match: Match
    ) -> bool:
        """Write an utterance and carry out its commands, up to "stop listening".

        Args:
            words: of the utterance, lower case.
            pauses: seconds behind each word but the last.
            times: of the words, where they are known.
            match: finds commands.

        Returns:
            Whether "stop listening" was said.
        """
        self._starts.append(len(self.text))
        for part in what_is_meant(words, pauses, match):
            if part.command == _STOP:
                return True
            if part.command is not None:
                self.carry_out(part.command)
                continue
            spoken = slice(part.begin + part.skipped, part.end)
            self.say(words[spoken], times[spoken] if times else None)
        return False

    def carry_out(self, command: SpokenCommand) -> None:
        """Do what a command says; one that is not about text does nothing."""
        text = command.text
        if command.kind == "breaks":
            self.break_line(text)
        elif command.kind == "opening":
            self.open_mark(text)
        elif command.kind == "closing":
            self.text += text  # the sentence goes on, or has ended, as before
            self._written.go_on()
        elif command.kind == "replacements":
            self.insert(text)
        elif command.kind != "actions":
            self.mark(text)
        elif text == "scratch":
            self.scratch()
        elif text == "delete word":
            self.delete_word()
        elif text in ("capital", "all caps"):
            self.next_word(text)

    def say(self, words: Sequence[str], times: Times | None = None) -> None:
        """Write words."""
        if not words:
            return
        written = self._written.final(words, times)
        join = written.join or ""
        if join == PARAGRAPH and not self._paragraphs:
            join = " "
        self._write(join, self._cased(written.text))

    def insert(self, text: str) -> None:
        """Write a text as it is, as a word."""
        self._write(" " if self.text else "", text)
        self._written.continue_after(self.text)

    def mark(self, mark: str) -> None:
        """Write a spoken mark close to the word before it."""
        self.text += mark
        self._written.continue_after(self.text)

    def open_mark(self, mark: str) -> None:
        """Write a mark close to the word after it; before it stands what was said, and no more."""
        self._written.continue_after(self.text)
        self._write(" " if self.text else "", mark)
        self._open = True

    def break_line(self, lines: str) -> None:
        """Write line breaks; before a blank line the sentence is closed."""
        if len(lines) > 1:
            self.close()
        self.text = self.text.rstrip(" ") + lines
        self._written.continue_after(self.text)

    def next_word(self, casing: str) -> None:
        """Set the casing of the next word: ``capital`` or ``all caps``."""
        self._casing = casing

    def scratch(self) -> None:
        """Take back this utterance so far; when it brought nothing, the one before."""
        while self._starts:
            start = self._starts[-1]
            if start < len(self.text):
                self._cut(start)
                return
            self._starts.pop()
        self._starts.append(len(self.text))

    def delete_word(self) -> None:
        """Take back the last word with the marks that stand close to it."""
        kept = self.text.rstrip()
        begin = max(kept.rfind(space) for space in " \n\t") + 1
        self._cut(len(kept[:begin].rstrip(" ")))
        self._starts = [min(start, len(self.text)) for start in self._starts]

    def close(self) -> None:
        """End the sentence, after a silence or at the end."""
        self.text += self._written.close()

    def _cut(self, length: int) -> None:
        self.text = self.text[:length]
        self._written.continue_after(self.text)

    def _write(self, join: str, text: str) -> None:
        if self._open:
            join = ""
        elif self.text[-1:].isspace() or not self.text:
            join = join.lstrip(" ")
        self.text += join + text
        self._open = False

    def _cased(self, text: str) -> str:
        if not self._casing:
            return text
        first, space, rest = text.partition(" ")
        capital = first[:1].upper() + first[1:]
        first = first.upper() if self._casing == "all caps" else capital
        self._casing = ""
        return first + space + rest
