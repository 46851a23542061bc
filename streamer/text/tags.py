"""What the tagger says of a word: the mark after it, and its case."""

from __future__ import annotations

import enum

#: Marks after a word, in the order of the network's outputs; the first is none.
MARKS = ("", ",", ".", "?", "!", ":")
#: Marks that end a sentence.
ENDS = (".", "?", "!")


class Case(enum.Enum):
    """How a word is written; the values are places of the network's outputs."""

    LOWER = 0
    CAPITAL = 1
    UPPER = 2
