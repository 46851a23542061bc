"""User words: new words for the vocabulary, and known words made likelier (hotwords)."""

from __future__ import annotations

import errno
import math
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from streamer.errors import UsageError
from streamer.untrusted.user_files import read_user_text

#: Default boost of a user's word, a natural logarithm: raises a word from one in a million
#: to about one in seven thousand.
DEFAULT_WEIGHT = 5.0

#: Larger weights drown the audio: at 30 a word appears wherever anything is said.
MAX_WEIGHT = 20.0

#: Each word costs about half a millisecond at the start, and more where there are many.
MAX_WORDS = 10_000

_WORDS_FILE = "use a text file with one word per line"

#: Apostrophes of word processors and keyboards, for the plain one of the alphabets.
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2019\u2018\u02bc\u02b9\u2032\uff07`\u00b4", "'"))


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


def parse_user_word(text: str, warn: Callable[[str], None] | None = None) -> UserWord:
    """Parse ``NAME`` or ``NAME=WEIGHT``.

    Args:
        text: what the user gave; any apostrophe is as good as the plain one.
        warn: called with a line if the weight had to be reduced to `MAX_WEIGHT`.

    Raises:
        UsageError: no word, several words, or an invalid weight.
    """
    name, separator, number = text.partition("=")
    name = unicodedata.normalize("NFC", name.strip()).lower().translate(_APOSTROPHES)
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
    if abs(weight) > MAX_WEIGHT:
        limit = math.copysign(MAX_WEIGHT, weight)
        if warn is not None:
            warn(f"the weight {weight:g} of {name!r} drowns the rest - {limit:g} is used")
        weight = limit
    if math.isnan(weight):
        raise UsageError(
            f"the weight {number.strip()!r} of {name!r} is not a number",
            f"use a number such as {DEFAULT_WEIGHT:g}, or leave it out",
        )
    return UserWord(name, weight)


def read_user_words(path: str | Path, warn: Callable[[str], None] | None = None) -> list[UserWord]:
    """Read a file of user words, one per line; ``#`` starts a comment.

    Args:
        path: the file.
        warn: called with a line for each line that is skipped, since
            `parse_user_word` rejects it; None to raise instead.

    Raises:
        UsageError: the file is missing, not text, has such a line, or more than
            `MAX_WORDS` words.
    """
    try:
        text = read_user_text(path)
    except OSError as error:
        raise UsageError(
            f"the user words in {path} cannot be read ({error.strerror})",
            "use fewer words" if error.errno == errno.EFBIG else _WORDS_FILE,
        ) from None
    words: list[UserWord] = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.partition("#")[0].strip()
        if not line:
            continue
        if len(words) == MAX_WORDS:
            raise UsageError(
                f"{path} has more than {MAX_WORDS:,} words",
                "use fewer, or build a language model of them: streamer scorer build",
            )
        try:
            words.append(parse_user_word(line, warn))
        except UsageError as error:
            what = f"{path}, line {number}: {error.what}"
            if warn is None:
                raise UsageError(what, error.todo) from None
            warn(f"{what} - skipped; {error.todo}")
    return words
