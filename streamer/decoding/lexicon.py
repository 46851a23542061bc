"""How words are spoken: the lexicon of a model that hears phonemes.

The file is gzipped UTF-8 text: a first line that says what it is, then a line
for each pronunciation, ``word<TAB>HH AH L OW``, an empty line, and the
letter-to-sound rules for words that are not listed, ``context<TAB>AH L``.
"""

from __future__ import annotations

import functools
import gzip
import zlib
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Sequence, Union

from streamer.decoding.letter_to_sound import PHONEMES, LetterToSound, Pronunciation
from streamer.errors import ModelError

_FIRST_LINE = "streamer lexicon 1"
_NUMBER = {phoneme: number for number, phoneme in enumerate(PHONEMES)}


class Lexicon:
    """Pronunciations of words.

    Args:
        words: those that are known, each with at least one.
        rules: for the others; a function makes them when they are first needed.
    """

    def __init__(
        self,
        words: Mapping[str, Sequence[Pronunciation]],
        rules: Callable[[], LetterToSound],
    ) -> None:
        self.words: Dict[str, List[Pronunciation]] = {w: list(p) for w, p in words.items()}
        self._rules = rules

    @functools.cached_property
    def rules(self) -> LetterToSound:
        """The letter-to-sound rules."""
        return self._rules()

    def pronunciations(self, word: str) -> List[Pronunciation]:
        """Return how a word may be spoken; a guess if it is not listed, [] if there is none.

        A word with an apostrophe at its end may be listed without its "'s".
        """
        known = self.words.get(word)
        if known is not None:
            return known
        if word.endswith("'s") and word[:-2] in self.words:
            return [(*said, _plural(said)) for said in self.words[word[:-2]]]
        guess = self.rules.pronounce(word)
        return [guess] if guess else []


#: Behind a voiceless consonant an s is voiceless.
_VOICELESS = frozenset(_NUMBER[name] for name in ("P", "T", "K", "F", "TH"))


def _plural(said: Pronunciation) -> int:
    return _NUMBER["S" if said and said[-1] in _VOICELESS else "Z"]


def read_lexicon(path: Union[str, Path]) -> Lexicon:
    """Read a lexicon.

    Raises:
        ModelError: the file cannot be read or is not one.
    """
    words: Dict[str, List[Pronunciation]] = {}
    numbers = _NUMBER
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            listed, end, rules = file.read().partition("\n\n")
        first, *lines = listed.split("\n")
        if first != _FIRST_LINE:
            raise ValueError("its first line is not that of a lexicon")
        if not end:
            raise ValueError("it is not complete")
        for line in lines:
            word, said = line.split("\t")
            words.setdefault(word, []).append(tuple([numbers[name] for name in said.split(" ")]))
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, ValueError, KeyError) as error:
        raise ModelError(
            f"{path} is not a lexicon that can be read ({error})", "install the model again"
        ) from error
    return Lexicon(words, lambda: _read_rules(rules, path))


def _read_rules(text: str, path: Union[str, Path]) -> LetterToSound:
    rules: Dict[str, Pronunciation] = {}
    try:
        for line in text.split("\n"):
            if line:
                context, said = line.split("\t")
                rules[context] = tuple([_NUMBER[name] for name in said.split()])
    except (ValueError, KeyError) as error:
        raise ModelError(
            f"{path} has a letter-to-sound rule that cannot be read ({error})",
            "install the model again",
        ) from error
    return LetterToSound(rules)


def write_lexicon(lexicon: Lexicon, path: Union[str, Path]) -> None:
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
