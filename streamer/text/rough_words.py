"""Words that are not recognised or not written in full unless somebody asks for them."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import NamedTuple

from streamer.errors import ModelError

_SECTIONS = ("slurs", "profanity")


class RoughWords(NamedTuple):
    """The rough words of a language.

    Attributes:
        slurs: words that insult people for what they are.
        profanity: swear words.
    """

    slurs: frozenset[str] = frozenset()
    profanity: frozenset[str] = frozenset()

    def has(self, word: str) -> bool:
        """Whether a word, or its possessive, is one of them."""
        plain = word[:-2] if word.endswith("'s") else word
        return plain in self.slurs or plain in self.profanity


def masked(word: str) -> str:
    """Return a word as its first letter and stars."""
    return word[:1] + "*" * (len(word) - 1)


def read_rough_words(path: Path) -> RoughWords:
    """Read a list: sections in brackets, a word a line in rot13, ``#`` begins a comment.

    Raises:
        ModelError: it cannot be read, or has another section.
    """
    sections: dict[str, set[str]] = {name: set() for name in _SECTIONS}
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
        section = ""
        for line in lines:
            if line.startswith("["):
                section = line.strip("[]")
            elif line and not line.startswith("#"):
                sections[section].add(codecs.decode(line.strip(), "rot13"))
    except (OSError, UnicodeDecodeError, KeyError) as error:
        raise ModelError(f"cannot read {path} ({error})", "install streamer again") from error
    return RoughWords(*(frozenset(sections[name]) for name in _SECTIONS))
