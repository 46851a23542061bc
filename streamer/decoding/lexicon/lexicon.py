"""Lexicon: pronunciations of words, for models that recognise phonemes.

The file is gzipped UTF-8 text: a line that identifies the format, one line per pronunciation
(``word<TAB>HH AH L OW``) sorted by word, an empty line, and the letter-to-sound rules for words
that are not listed (``context<TAB>AH L``).
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
from streamer.untrusted.regular_files import open_regular

_FIRST_LINE = "streamer lexicon 1"
#: Lines searched after the last word that was found, before a binary search of all lines.
_NEXT_LINES = 12
#: Maximum size, uncompressed, and number of lines of words and rules: more than twice those of a
#: lexicon of half a million words.
_MAX_BYTES = 64 << 20
_MAX_LINES = 1 << 20
#: Longest line in bytes: a word of 120 letters and as many phonemes.
_MAX_LINE_BYTES = 1024
_NUMBER = {phoneme: number for number, phoneme in enumerate(PHONEMES)}
#: Consonants after which a plural s is voiceless.
_VOICELESS = frozenset(_NUMBER[name] for name in ("P", "T", "K", "F", "TH"))


class Lexicon:
    """Pronunciations of words.

    Args:
        words: the listed words, each with at least one pronunciation.
        rules: returns the letter-to-sound rules for other words; called on first use.
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
        """Return the pronunciations of a word.

        A word that is not listed gets a guess, or [] if no rule matches. Possessives may be
        listed without their "'s".
        """
        listed = self.words.get(word)
        if listed is not None:
            return listed
        if word.endswith("'s") and word[:-2] in self.words:
            return [(*stem, _plural_s(stem)) for stem in self.words[word[:-2]]]
        return self.guesses(word, 1)

    def guesses(self, word: str, limit: int) -> list[Pronunciation]:
        """Return up to ``limit`` pronunciations by the rules alone; [] if none matches."""
        return [guess for guess in self.rules.variants(word, limit) if guess]


def _plural_s(stem: Pronunciation) -> int:
    return _NUMBER["S" if stem and stem[-1] in _VOICELESS else "Z"]


class _LexiconLines(Mapping[str, list[Pronunciation]]):
    """The words of a lexicon file, looked up in its text; a dict would take ten times the memory.

    Args:
        lines: the lines of the file, sorted by word, with a newline after each.
    """

    def __init__(self, lines: bytes) -> None:
        self._lines = lines
        ends = np.flatnonzero(np.frombuffer(lines, np.uint8) == ord("\n")) + 1
        self._bounds = np.concatenate([[0], ends]).astype(np.int64)
        self._next = 0  # the line after the last word that was found

    def _word(self, line: int) -> bytes:
        start = int(self._bounds[line])
        return self._lines[start : self._lines.index(b"\t", start)]

    def _find(self, word: bytes) -> int:
        """Return the first line whose word is not less than this one."""
        # Words are mostly looked up in ascending order: try the next lines first.
        next_ = self._next
        for line in range(next_, min(next_ + _NEXT_LINES, len(self._bounds) - 1)):
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
        pronunciations = []
        for line in range(self._find(key[:-1]), len(self._bounds) - 1):
            start, end = self._bounds[line : line + 2].tolist()
            if not self._lines.startswith(key, start):
                break
            names = self._lines[start + len(key) : end - 1].decode("ascii").split(" ")
            pronunciations.append(tuple([_NUMBER[name] for name in names]))
            self._next = line + 1
        if not pronunciations:
            raise KeyError(word)
        return pronunciations

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
_LINE = re.compile(rb"[^\t\n]+\t" + _PHONEME + rb"(?: " + _PHONEME + rb")*\n")


def read_lexicon(path: str | Path) -> Lexicon:
    """Read a lexicon.

    Raises:
        ModelError: the file cannot be read, is not a lexicon, or is larger than any.
    """
    try:
        with open_regular(path) as file, gzip.GzipFile(fileobj=file) as unzipped:
            words, rules = _read_parts(unzipped)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelError(
            f"The lexicon {path} cannot be read ({reason})", "install the model again"
        ) from error
    return Lexicon(_LexiconLines(words), lambda: _read_rules(rules, path))


def _read_parts(file: gzip.GzipFile) -> tuple[bytes, bytes]:
    """Return the lines of the words, checked, and those of the rules.

    Line by line, so that a small file that would unpack to gigabytes ends at its first line
    that is none.
    """
    if _line(file) != _FIRST_LINE.encode() + b"\n":
        raise ValueError("its first line is not that of a lexicon")
    words, rules, part = bytearray(), bytearray(), 0
    for _ in range(_MAX_LINES):
        line = _line(file)
        if not line:
            if not part:
                raise ValueError("it is incomplete")
            words.decode("utf-8")
            return bytes(words), bytes(rules)
        if part:
            rules += line
        elif line == b"\n":
            part = 1
        elif _LINE.fullmatch(line):
            words += line
        else:
            raise ValueError("some lines are not pronunciations")
        if len(words) + len(rules) > _MAX_BYTES:
            break
    raise ValueError("it is larger than any lexicon")


def _line(file: gzip.GzipFile) -> bytes:
    line = file.readline(_MAX_LINE_BYTES + 1)
    if len(line) > _MAX_LINE_BYTES:
        raise ValueError(f"a line is longer than {_MAX_LINE_BYTES} bytes")
    return line


def _read_rules(text: bytes, path: str | Path) -> LetterToSound:
    rules: dict[str, Pronunciation] = {}
    try:
        for line in text.decode("utf-8").split("\n"):
            if line:
                context, phonemes = line.split("\t")
                rules[context] = tuple([_NUMBER[name] for name in phonemes.split()])
    except (ValueError, KeyError) as error:
        raise ModelError(
            f"The lexicon {path} has an invalid letter-to-sound rule ({error})",
            "install the model again",
        ) from error
    return LetterToSound(rules)


def write_lexicon(lexicon: Lexicon, path: str | Path) -> None:
    """Write a lexicon; equal lexicons give equal bytes."""
    lines = [_FIRST_LINE]
    for word, pronunciations in sorted(lexicon.words.items()):
        lines += [f"{word}\t{_phoneme_names(phonemes)}" for phonemes in pronunciations]
    lines.append("")
    rules = sorted(lexicon.rules.rules.items())
    lines += [f"{context}\t{_phoneme_names(phonemes)}" for context, phonemes in rules]
    text = "\n".join(lines) + "\n"
    Path(path).write_bytes(gzip.compress(text.encode("utf-8"), 9, mtime=0))


def _phoneme_names(pronunciation: Pronunciation) -> str:
    return " ".join(PHONEMES[number] for number in pronunciation)
