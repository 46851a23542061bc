"""A text that is dictated: utterances and commands in, one text out."""

from __future__ import annotations

from collections.abc import Sequence

from streamer.text.commands import SpokenCommand
from streamer.text.decisions import Times
from streamer.text.written import WrittenForm


class DictatedText:
    """The whole text dictated so far.

    Args:
        written: writes the words.
    """

    def __init__(self, written: WrittenForm) -> None:
        self._written = written
        self.text = ""
        # Where each utterance began, for "scratch that".
        self._starts: list[int] = []
        self._open = False
        self._casing = ""

    def carry_out(self, command: SpokenCommand) -> None:
        """Do what a command says; one that is not about text does nothing."""
        text = command.text
        if command.kind == "breaks":
            self.break_line(text)
        elif command.kind == "opening":
            self.open_mark(text)
        elif command.kind == "closing":
            self.text += text  # the sentence goes on, or has ended, as before
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

    def begin_utterance(self) -> None:
        """Note where an utterance begins."""
        self._starts.append(len(self.text))

    def say(self, words: Sequence[str], times: Times | None = None) -> None:
        """Write words."""
        if not words:
            return
        written = self._written.final(words, times)
        self._write(written.join or "", self._cased(written.text))

    def insert(self, text: str) -> None:
        """Write a text as it is, as a word."""
        self._write(" " if self.text else "", text)
        self._written.continue_after(self.text)

    def mark(self, mark: str) -> None:
        """Write a spoken mark close to the word before it."""
        self.text += mark
        self._written.continue_after(self.text)

    def open_mark(self, mark: str) -> None:
        """Write a mark close to the word after it."""
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
        joined = self._open or self.text[-1:].isspace() or not self.text
        self.text += (join.lstrip(" ") if joined else join) + text
        self._open = False

    def _cased(self, text: str) -> str:
        if not self._casing:
            return text
        first, space, rest = text.partition(" ")
        capital = first[:1].upper() + first[1:]
        first = first.upper() if self._casing == "all caps" else capital
        self._casing = ""
        return first + space + rest
