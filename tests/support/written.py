"""Written text without what the text model decides, to compare its words."""

from __future__ import annotations

import re


def spoken(text: str) -> str:
    """The words of a written text without numbers."""
    return re.sub(r"[.,?!:]", "", text).lower()


def without_marks(text: str) -> str:
    """Leave out marks that are not inside numbers."""
    return re.sub(r"(?<!\d)[.,?!]|[.,?!](?!\d)", "", text)
