"""Finding words in what was said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Search:
    """A search that is open.

    Attributes:
        query: what is looked for; case does not matter.
        place: which match is shown, 0 for the newest.
    """

    query: str = ""
    place: int = 0


def matches(query: str, texts: Sequence[str]) -> list[int]:
    """Return the numbers of the texts that contain a query, in order; none for an empty one."""
    wanted = query.casefold()
    return [n for n, text in enumerate(texts) if wanted in text.casefold()] if wanted else []
