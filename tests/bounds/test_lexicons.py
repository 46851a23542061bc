"""A lexicon that unpacks to far more than its size ends in a line, quickly and in little memory."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import pytest

from tests.support.bounded import bounded

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

FIRST = b"streamer lexicon 1\n"
MEGABYTE = 1 << 20


def packed(path: Path, *parts: tuple[bytes, int]) -> Path:
    """Write parts, each a number of times, without holding them."""
    with gzip.open(path, "wb", compresslevel=6) as file:
        for block, times in parts:
            for _ in range(times):
                file.write(block)
    return path


WORDS = b"word\tW ER D\n" * (MEGABYTE // 12)

BOMBS = {
    "one endless line": [(FIRST, 1), (b"a" * MEGABYTE, 400)],
    "one endless pronunciation": [(FIRST + b"a\tAH", 1), (b" AH" * (MEGABYTE // 3), 400)],
    "many words": [(FIRST, 1), (WORDS, 300)],
    "many words without an end": [(FIRST, 1), (WORDS, 10), (b"word", 1)],
    "empty lines": [(FIRST, 1), (b"\n" * MEGABYTE, 400)],
    "zeros": [(b"\0" * MEGABYTE, 400)],
    "many rules": [(FIRST + b"a\tAH\n\n", 1), (b"a\tAH\n" * (MEGABYTE // 5), 300)],
    "another first line": [(b"x" * MEGABYTE, 400)],
    "a word of many tabs": [(FIRST, 1), (b"a\t" * (MEGABYTE // 2), 200), (b"\n", 1)],
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_within_bounds(kind: str, tmp_path: Path) -> None:
    path = packed(tmp_path / "bomb.gz", *BOMBS[kind])
    said = bounded(
        "from streamer.decoding.lexicon.lexicon import read_lexicon",
        f"read_lexicon({str(path)!r})",
    )
    assert said.startswith(f"error: the lexicon {path} cannot be read"), said
    assert said.count("\n") == 0
