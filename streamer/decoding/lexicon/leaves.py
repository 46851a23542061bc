"""Leaves: labels of a network that tells a phoneme by the one before it as well.

A leaf is a phoneme behind one of several phonemes on its left (a tied left biphone). The file is
ASCII text: a line that identifies the format, then one line per left phoneme, in the order of
`PHONEMES` and the beginning of the utterance last, with the leaf of each phoneme behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from streamer.arrays import IntArray
from streamer.decoding.lexicon.letter_to_sound import PHONEMES
from streamer.errors import ModelError
from streamer.untrusted.regular_files import read_regular

_FIRST_LINE = "streamer leaves 1"
#: Largest file: 40 lines of 39 numbers of up to four digits take 8 KB.
_MAX_BYTES = 1 << 15
#: Digits of a number: there are no more leaves than pairs of phonemes.
_MAX_DIGITS = 4


class Leaves:
    """The leaf of each phoneme behind each left phoneme.

    Args:
        table: leaf numbers, int (n_phonemes + 1, n_phonemes): [left, phoneme]. The last row is
            the beginning of the utterance. Each phoneme's leaves are consecutive numbers, those
            of phoneme 0 first, then those of phoneme 1 and so on.

    Attributes:
        table: see above, int64.
        first: the first leaf of each phoneme, int64 (n_phonemes,).
        phonemes: the phoneme of each leaf, int64 (n_leaves,).

    Raises:
        ValueError: the table has another shape, or its numbers are not in this order.
    """

    def __init__(self, table: IntArray) -> None:
        table = np.asarray(table, np.int64)
        if table.ndim != 2 or table.shape[1] < 1 or table.shape[0] != table.shape[1] + 1:
            raise ValueError(f"the table has the shape {table.shape}")
        found = [np.unique(column) for column in table.T]
        counts = np.array([len(of_phoneme) for of_phoneme in found])
        if not np.array_equal(np.concatenate(found), np.arange(counts.sum())):
            raise ValueError("the leaves are not in the order of the phonemes")
        self.table: IntArray = table
        self.first: IntArray = np.cumsum(counts) - counts
        self.phonemes: IntArray = np.repeat(np.arange(len(counts)), counts)

    def __len__(self) -> int:
        """Return the number of leaves."""
        return len(self.phonemes)

    def of(self, phonemes: Sequence[int]) -> list[int]:
        """Return the leaves of an utterance's phonemes."""
        left = [self.table.shape[1], *phonemes[:-1]]
        leaves: list[int] = self.table[left[: len(phonemes)], list(phonemes)].tolist()
        return leaves


def read_leaves(path: str | Path) -> Leaves:
    """Read the leaves of the phonemes of `PHONEMES`.

    Raises:
        ModelError: the file is missing or damaged.
    """
    try:
        lines = read_regular(path, _MAX_BYTES).decode("ascii").split("\n")
        if lines[0] != _FIRST_LINE or lines[-1]:
            raise ValueError("its first line is not that of leaves")
        rows = [line.split(" ") for line in lines[1:-1]]
        if [len(row) for row in rows] != [len(PHONEMES)] * (len(PHONEMES) + 1):
            raise ValueError(f"not {len(PHONEMES) + 1} lines of {len(PHONEMES)} numbers")
        if not all(n.isdigit() and len(n) <= _MAX_DIGITS for row in rows for n in row):
            raise ValueError("some leaves are not numbers")
        return Leaves(np.array(rows).astype(np.int64))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelError(
            f"the leaves {path} cannot be read ({reason})", "install the model again"
        ) from error


def write_leaves(leaves: Leaves, path: str | Path) -> None:
    """Write leaves; equal ones give equal bytes."""
    rows = [" ".join(map(str, row)) for row in leaves.table.tolist()]
    Path(path).write_bytes(("\n".join([_FIRST_LINE, *rows]) + "\n").encode("ascii"))
