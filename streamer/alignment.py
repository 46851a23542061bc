"""Which spoken words each displayed word stands for."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

#: What may be written around a word.
_AROUND = ".,?!:;\"'()[]"


def align(displayed: Sequence[str], spoken: Sequence[str]) -> list[range]:
    """Return for each displayed word the places of the spoken words that it stands for.

    Words that differ only in case and marks stand for each other; what is between them, such as
    a number in digits, is divided evenly. A word that nobody said has an empty range.

    Args:
        displayed: words with marks, capitals and numbers.
        spoken: words as spoken.
    """
    shown = [_plain(word) for word in displayed]
    said = [_plain(word) for word in spoken]
    if shown == said:
        return [range(k, k + 1) for k in range(len(said))]
    places: list[range] = []
    place = 0
    matcher = SequenceMatcher(None, shown, said, autojunk=False)
    for a, b, size in matcher.get_matching_blocks():
        between, heard = a - len(places), b - place
        for k in range(between):
            first = place + k * heard // between
            places.append(range(first, max(place + (k + 1) * heard // between, first)))
        places += [range(b + k, b + k + 1) for k in range(size)]
        place = b + size
    return places


def _plain(word: str) -> str:
    return word.strip(_AROUND).lower() or word
