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
#: Longest word in bytes, and pronunciation in phonemes, of up to two letters and a space.
_MAX_WORD_BYTES, _MAX_PHONEMES = 512, 200
_MAX_LINE_BYTES = _MAX_WORD_BYTES + 3 * _MAX_PHONEMES + 1
#: Bytes checked at once.
_BLOCK_BYTES = 1 << 16
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
        stems = self.words.get(word[:-2]) if word.endswith("'s") else None
        if stems is not None:
            return [(*stem, _plural_s(stem)) for stem in stems]
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
_LINE = re.compile(
    rb"[^\t\n]{1,%d}\t" % _MAX_WORD_BYTES
    + _PHONEME
    + rb"(?: "
    + _PHONEME
    + rb"){0,%d}\n" % (_MAX_PHONEMES - 1)
)


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
            f"the lexicon {path} cannot be read ({reason})", "install the model again"
        ) from error
    return Lexicon(_LexiconLines(words), lambda: _read_rules(rules, path))


def _read_parts(file: gzip.GzipFile) -> tuple[bytes, bytes]:
    """Return the lines of the words, checked, and those of the rules.

    Block by block, so that a small file that would unpack to gigabytes ends at its first line
    that is none.
    """
    first = _FIRST_LINE.encode() + b"\n"
    if file.read(len(first)) != first:
        raise ValueError("its first line is not that of a lexicon")
    words, rules, rest = bytearray(), bytearray(), b""
    n_lines, ended = 0, False
    while not ended:
        block = file.read(_BLOCK_BYTES)
        if not block:
            raise ValueError("it is incomplete")
        block = rest + block
        if block.startswith(b"\n"):
            lines, rules, ended = b"", bytearray(block[1:]), True
        elif b"\n\n" in block:
            lines, _, after = block.partition(b"\n\n")
            lines, rules, ended = lines + b"\n", bytearray(after), True
        else:
            lines, rest = block[: block.rfind(b"\n") + 1], block[block.rfind(b"\n") + 1 :]
        # What remains of lines that are right is nothing.
        if len(rest) > _MAX_LINE_BYTES or _LINE.sub(b"", lines):
            raise ValueError("some lines are not pronunciations")
        words += lines
        n_lines += lines.count(b"\n")
        _refuse_size(len(words), n_lines)
    words.decode("utf-8")
    n_lines += rules.count(b"\n")
    while block := file.read(_BLOCK_BYTES):
        rules += block
        n_lines += block.count(b"\n")
        _refuse_size(len(words) + len(rules), n_lines)
    return bytes(words), bytes(rules)


def _refuse_size(n_bytes: int, n_lines: int) -> None:
    if n_bytes > _MAX_BYTES or n_lines > _MAX_LINES:
        raise ValueError("it is larger than any lexicon")


def _read_rules(text: bytes, path: str | Path) -> LetterToSound:
    rules: dict[str, Pronunciation] = {}
    try:
        for line in text.decode("utf-8").split("\n"):
            if line:
                context, phonemes = line.split("\t")
                rules[context] = tuple([_NUMBER[name] for name in phonemes.split()])
    except (ValueError, KeyError) as error:
        raise ModelError(
            f"the lexicon {path} has an invalid letter-to-sound rule ({error})",
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
