"""Which words English writes with capitals wherever they stand: names, weekdays, acronyms, "I"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from streamer.errors import ModelError
from streamer.text.numbers.vocabulary import ORDINALS, STREETS

#: The first person: i, i'm, i'll ...
_FIRST_PERSON = re.compile(r"i(?='|$)")
#: Titles, which have a capital before a name only: "Doctor Smith", "the doctor".
TITLES = frozenset(
    "mister missus miss doctor captain colonel professor president king queen lord lady sir saint "
    "uncle aunt general judge senator prince princess sergeant lieutenant major reverend sister "
    "brother father mother pope count duke earl baron inspector governor mayor".split()
)
#: Ordinals that are names of streets; "the first street" is only the first.
_NAMING_ORDINALS = frozenset(ORDINALS) - {"first", "second", "third"}
#: A name follows these whatever it looks like.
_SURE_TITLES = frozenset({"mister", "missus"})
_NO_NAMES = frozenset("and or but to who is was had has will said says came went of in".split())
#: Months that are other words as well, and the words that tell.
_MONTHS_AND_WORDS = {"may", "march"}
_BEFORE_MONTH = frozenset(
    "in since until last next this early late of by during from through before after".split()
)


class Casings:
    """A lexicon of casings.

    Args:
        entries: words and pairs of words as they are written: ``London``, ``United States``;
            one in small letters, ``comma``, never has a capital, and ``-zip`` or ``-hello world``
            takes an entry before it away.
    """

    def __init__(self, entries: Iterable[str] = ()) -> None:
        self._words: dict[str, str] = {}
        self._pairs: dict[tuple[str, str], tuple[str, str]] = {}
        for entry in entries:
            words = entry.lstrip("-").split(" ")
            if entry.startswith("-") and len(words) == 1:
                self._words.pop(words[0], None)
            elif entry.startswith("-"):
                self._pairs.pop((words[0], words[1]), None)
            elif len(words) == 1:
                self._words[entry.lower()] = entry
            else:
                self._pairs[words[0].lower(), words[1].lower()] = (words[0], words[1])

    def __len__(self) -> int:
        return len(self._words) + len(self._pairs)

    def written(self, word: str, before: str = "", after: str = "") -> str | None:
        """Return a word in its casing, or None where the lexicon does not know better.

        Args:
            word: lower case.
            before: the word before it, "" where there is none.
            after: the word after it, "" where there is none.
        """
        if _FIRST_PERSON.match(word):
            return "I" + word[1:]
        if word in _MONTHS_AND_WORDS:
            if before in _BEFORE_MONTH and after not in ("be", "have", "not", "i", "we", "of"):
                return word.capitalize()
            return None
        pair = self._pairs.get((word, after)) or self._pairs.get((word, _stem(after)))
        if pair is not None:
            return pair[0]
        pair = self._pairs.get((before, word)) or self._pairs.get((before, _stem(word)))
        if pair is not None:
            return pair[1] + word[len(pair[1]) :]
        stem = _stem(word)
        known = self._words.get(word) or self._words.get(stem)
        if known is not None:
            return known if len(known) == len(word) else known + word[len(stem) :]
        if word in STREETS and before in _NAMING_ORDINALS:
            return word.capitalize()
        if word in _NAMING_ORDINALS and after in STREETS:
            return word.capitalize()
        if word in TITLES and self._is_name(_stem(after)) and after not in TITLES:
            return word.capitalize()
        if word in _SURE_TITLES and after:
            return word.capitalize()
        if before in _SURE_TITLES and word not in _NO_NAMES:
            return word[:1].upper() + word[1:]
        return None

    def _is_name(self, word: str) -> bool:
        """Whether a word has a capital wherever it stands."""
        return self._words.get(word, word) != word


def _stem(word: str) -> str:
    """Return a word without its possessive."""
    return word[:-2] if word.endswith("'s") else word


def read_casings(*paths: Path) -> Casings:
    """Read a lexicon: an entry a line, ``#`` begins a comment.

    Args:
        paths: its files; what a later one says counts.

    Raises:
        ModelError: a file cannot be read.
    """
    entries: list[str] = []
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(f"cannot read {path} ({error})", "install streamer again") from error
        entries += [line for line in lines if line and not line.startswith("#")]
    return Casings(entries)
