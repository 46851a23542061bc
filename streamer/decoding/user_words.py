"""User words (new to the vocabulary) and hot words (made likelier)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from streamer.errors import UsageError

#: How much likelier a user's word is made, as a natural logarithm: about what
#: lifts a word from once in a million to once in five thousand.
DEFAULT_WEIGHT = 5.0

#: Beyond this a weight drowns what was heard.
MAX_WEIGHT = 100.0


@dataclass(frozen=True)
class UserWord:
    """A word the user wants to be heard.

    Attributes:
        word: in the letters of the model's alphabet.
        weight: natural logarithm by which it is made likelier (below 0: less likely).
            A word that is new to the vocabulary starts from the language
            model's probability of an unknown word.
    """

    word: str
    weight: float = DEFAULT_WEIGHT


def parse_user_word(text: str) -> UserWord:
    """Read ``name`` or ``name=weight``.

    Raises:
        UsageError: no word, more than one, or a weight that is no number.
    """
    name, separator, number = text.partition("=")
    name = name.strip().lower()
    if not name or len(name.split()) != 1:
        raise UsageError(
            f"{text.strip()!r} is not one word", "give NAME or NAME=WEIGHT, one word at a time"
        )
    if not separator:
        return UserWord(name)
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not abs(weight) <= MAX_WEIGHT:
        raise UsageError(
            f"The weight {number.strip()!r} of {name!r} is not a number from -100 to 100",
            f"give a number such as {DEFAULT_WEIGHT:g}, or leave it out",
        )
    return UserWord(name, weight)


def read_user_words(path: str | Path) -> list[UserWord]:
    """Read a file of user words: one a line, ``#`` begins a comment.

    Raises:
        UsageError: no such file, not text, or a line that `parse_user_word` refuses.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(
            f"The words in {path} cannot be read ({error.strerror or error})",
            "give a text file with one word a line",
        ) from None
    except UnicodeDecodeError:
        raise UsageError(
            f"{path} is not a text file in UTF-8", "give a text file with one word a line"
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
