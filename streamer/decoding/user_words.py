"""User words: new words for the vocabulary, and known words made likelier (hotwords)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from streamer.errors import UsageError

#: Default boost of a user's word, a natural logarithm: raises a word from one in a million
#: to about one in seven thousand.
DEFAULT_WEIGHT = 5.0

#: Larger weights would outweigh the audio.
MAX_WEIGHT = 100.0


@dataclass(frozen=True)
class UserWord:
    """A word that the user expects.

    Attributes:
        word: in the letters of the model's alphabet.
        weight: boost, a natural logarithm (below 0: less likely). A word that is new to
            the vocabulary starts from the language model's probability of an unknown word.
    """

    word: str
    weight: float = DEFAULT_WEIGHT


def parse_user_word(text: str) -> UserWord:
    """Parse ``NAME`` or ``NAME=WEIGHT``.

    Raises:
        UsageError: no word, several words, or an invalid weight.
    """
    name, separator, number = text.partition("=")
    name = name.strip().lower()
    if not name or len(name.split()) != 1:
        raise UsageError(
            f"{text.strip()!r} is not one word", "use NAME or NAME=WEIGHT, one word at a time"
        )
    if not separator:
        return UserWord(name)
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not abs(weight) <= MAX_WEIGHT:
        raise UsageError(
            f"The weight {number.strip()!r} of {name!r} is not a number from"
            f" {-MAX_WEIGHT:g} to {MAX_WEIGHT:g}",
            f"use a number such as {DEFAULT_WEIGHT:g}, or leave it out",
        )
    return UserWord(name, weight)


def read_user_words(path: str | Path) -> list[UserWord]:
    """Read a file of user words, one per line; ``#`` starts a comment.

    Raises:
        UsageError: the file is missing, not text, or has a line that `parse_user_word` rejects.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(
            f"The user words in {path} cannot be read ({error.strerror or error})",
            "use a text file with one word per line",
        ) from None
    except UnicodeDecodeError:
        raise UsageError(
            f"{path} is not UTF-8 text", "use a text file with one word per line"
        ) from None
    words = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.partition("#")[0].strip()
        if not line:
            continue
        try:
            words.append(parse_user_word(line))
        except UsageError as error:
            raise UsageError(f"{path}, line {number}: {error.what}", error.todo) from None
    return words
