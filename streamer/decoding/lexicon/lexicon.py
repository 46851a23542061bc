"""How words are spoken: the lexicon of a model that hears phonemes.

The file is gzipped UTF-8 text: a first line that says what it is, then a line
for each pronunciation, ``word<TAB>HH AH L OW``, an empty line, and the
letter-to-sound rules for words that are not listed, ``context<TAB>AH L``.
"""

from __future__ import annotations

import functools
import gzip
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Callable

import numpy as np

from streamer.decoding.lexicon.letter_to_sound import PHONEMES, LetterToSound, Pronunciation
from streamer.errors import ModelError

_FIRST_LINE = "streamer lexicon 1"
#: Lines looked at behind the last word before the search goes over all.
_NEAR = 12
#: A lexicon of half a million words has a tenth of this.
_MOST_BYTES = 256 << 20
_NUMBER = {phoneme: number for number, phoneme in enumerate(PHONEMES)}


class Lexicon:
    """Pronunciations of words.

    Args:
        words: those that are known, each with at least one.
        rules: for the others; a function makes them when they are first needed.
    """

    def __init__(
        self,
        words: Mapping[str, list[Pronunciation]],
        rules: Callable[[], LetterToSound],
    ) -> None:
        self.words = words
        self._rules = rules

    @functools.cached_property
    def rules(self) -> LetterToSound:
        """The letter-to-sound rules."""
        return self._rules()

    def pronunciations(self, word: str) -> list[Pronunciation]:
        """Return how a word may be spoken; a guess if it is not listed, [] if there is none.

        A word with an apostrophe at its end may be listed without its "'s".
        """
        known = self.words.get(word)
        if known is not None:
            return known
        if word.endswith("'s") and word[:-2] in self.words:
            return [(*said, _plural(said)) for said in self.words[word[:-2]]]
        return self.guesses(word, 1)

    def guesses(self, word: str, most: int) -> list[Pronunciation]:
        """Return how a word is spoken by the rules alone; [] if they have nothing for it."""
        return [said for said in self.rules.variants(word, most) if said]


#: Behind a voiceless consonant an s is voiceless.
_VOICELESS = frozenset(_NUMBER[name] for name in ("P", "T", "K", "F", "TH"))


def _plural(said: Pronunciation) -> int:
    return _NUMBER["S" if said and said[-1] in _VOICELESS else "Z"]


class _Listed(Mapping[str, list[Pronunciation]]):
    """The words of a lexicon's file, looked up in its text: as a dict they take ten times as much.

    Args:
        lines: the file's lines, sorted by word, a newline behind each.
    """

    def __init__(self, lines: bytes) -> None:
        self._lines = lines
        ends = np.flatnonzero(np.frombuffer(lines, np.uint8) == ord("\n")) + 1
        self._bounds = np.concatenate([[0], ends]).astype(np.int64)
        self._behind = 0  # the line behind the last word that was found

    def _word(self, line: int) -> bytes:
        start = int(self._bounds[line])
        return self._lines[start : self._lines.index(b"\t", start)]

    def _find(self, word: bytes) -> int:
        """Return the first line that is not before a word."""
        # Who asks for many words asks in their order: then it is one of the next.
        near = self._behind
        for line in range(near, min(near + _NEAR, len(self._bounds) - 1)):
            found = self._word(line)
            if found == word:
                return line
            if found > word:
                break
        low, high = 0, len(self._bounds) - 1
        while low < high:
            middle = (low + high) // 2
            if self._word(middle) < word:
                low = middle + 1
            else:
                high = middle
        return low

    def __getitem__(self, word: str) -> list[Pronunciation]:
        key = word.encode("utf-8") + b"\t"
        ways = []
        for line in range(self._find(key[:-1]), len(self._bounds) - 1):
            start, end = self._bounds[line : line + 2].tolist()
            if not self._lines.startswith(key, start):
                break
            names = self._lines[start + len(key) : end - 1].decode("ascii").split(" ")
            ways.append(tuple([_NUMBER[name] for name in names]))
            self._behind = line + 1
        if not ways:
            raise KeyError(word)
        return ways

    def __iter__(self) -> Iterator[str]:
        last = b""
        for line in range(len(self._bounds) - 1):
            word = self._word(line)
            if word != last:
                yield word.decode("utf-8")
            last = word

    def __len__(self) -> int:
        return sum(1 for _ in self)


_PHONEME = b"(?:" + "|".join(sorted(PHONEMES, key=len, reverse=True)).encode() + b")"
_LINES = re.compile(rb"(?:[^\t\n]+\t" + _PHONEME + rb"(?: " + _PHONEME + rb")*\n)*")


def read_lexicon(path: str | Path) -> Lexicon:
    """Read a lexicon.

    Raises:
        ModelError: the file cannot be read or is not one.
    """
    try:
        with gzip.open(path, "rb") as file:
            listed, end, rules = file.read(_MOST_BYTES).partition(b"\n\n")
        first, _, lines = listed.partition(b"\n")
        if first != _FIRST_LINE.encode():
            raise ValueError("its first line is not that of a lexicon")
        if not end:
            raise ValueError("it is not complete")
        lines = lines + b"\n" if lines else b""
        if not _LINES.fullmatch(lines):
            raise ValueError("it has lines that are no pronunciations")
        lines.decode("utf-8")
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise ModelError(
            f"{path} is not a lexicon that can be read ({error})", "install the model again"
        ) from error
    return Lexicon(_Listed(lines), lambda: _read_rules(rules, path))


def _read_rules(text: bytes, path: str | Path) -> LetterToSound:
    rules: dict[str, Pronunciation] = {}
    try:
        for line in text.decode("utf-8").split("\n"):
            if line:
                context, said = line.split("\t")
                rules[context] = tuple([_NUMBER[name] for name in said.split()])
    except (ValueError, KeyError) as error:
        raise ModelError(
            f"{path} has a letter-to-sound rule that cannot be read ({error})",
            "install the model again",
        ) from error
    return LetterToSound(rules)


def write_lexicon(lexicon: Lexicon, path: str | Path) -> None:
    """Write a lexicon; the same one always gives the same bytes."""
    lines = [_FIRST_LINE]
    for word, ways in sorted(lexicon.words.items()):
        lines += [f"{word}\t{_spelled(said)}" for said in ways]
    lines.append("")
    lines += [f"{key}\t{_spelled(said)}" for key, said in sorted(lexicon.rules.rules.items())]
    text = "\n".join(lines) + "\n"
    Path(path).write_bytes(gzip.compress(text.encode("utf-8"), 9, mtime=0))


def _spelled(said: Pronunciation) -> str:
    return " ".join(PHONEMES[number] for number in said)
