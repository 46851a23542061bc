"""The way back itself: what it takes for the same and what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.text.undoing import is_spoken_as

ROWS = [
    line.split("\t")
    for line in Path(__file__).with_name("numbers.tsv").read_text(encoding="utf-8").splitlines()[1:]
]


@pytest.mark.parametrize("_, spoken, written", ROWS)
def test_written_phrases_are_their_words(_: str, spoken: str, written: str) -> None:
    assert is_spoken_as(written, spoken)


@pytest.mark.parametrize(
    "written, spoken",
    [
        ("1983", "nineteen eighty two"),
        ("$24", "twenty three dollars"),
        ("4 May", "the third of may"),
        ("555 1235", "five five five one two three four"),
        ("10:31", "ten thirty"),
        ("we went", "we went home"),
        ("We went home, too", "we went home"),
        ("51%", "fifty percent"),
    ],
)
def test_something_else_is_something_else(written: str, spoken: str) -> None:
    assert not is_spoken_as(written, spoken)
