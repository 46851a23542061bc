"""Text from outside, safe to print: file, device and model names, labels, messages."""

from __future__ import annotations

import re

#: Characters that break a line, control a terminal, reverse the order of what follows, or
#: cannot be encoded: C0 and C1 controls, line and paragraph separators, bidirectional marks,
#: embeddings, overrides and isolates, and halves of surrogate pairs (bytes of file names
#: that are not UTF-8).
UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    r"""Return a text with every such character escaped: ``\x1b``, ``\u202e``.

    Bytes of file names that are not UTF-8 appear as ``\xfc``.
    """
    return UNPRINTABLE.sub(_escape, text)


def printable_lines(text: str) -> str:
    """Return the same with line breaks kept."""
    return "\n".join(map(printable, text.split("\n")))


def _escape(found: re.Match[str]) -> str:
    character = found.group()
    if "\udc80" <= character <= "\udcff":  # Python's stand-in for a byte
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
