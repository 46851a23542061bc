"""Spoken numbers are written as people write them, and words that only look like numbers stay."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.text.numbers import DateStyle, number_units
from streamer.text.numbers.vocabulary import (
    CODE_DIGITS,
    CURRENCIES,
    MONTHS,
    NUMBER_WORDS,
    ORDINALS,
)

ROWS = [
    line.split("\t")
    for line in Path(__file__).with_name("numbers.tsv").read_text(encoding="utf-8").splitlines()[1:]
]
OTHER_WORDS = (
    "a and at by cents century degrees double from half hundred in men minus o'clock of oh on p m "
    "past percent per point quarter room since the thirds timer to until year"
).split()
SPOKEN = st.lists(
    st.sampled_from(
        sorted({*NUMBER_WORDS, *CODE_DIGITS, *ORDINALS, *MONTHS, *CURRENCIES, *OTHER_WORDS})
    ),
    max_size=9,
)


def written(spoken: str, style: DateStyle = DateStyle.DMY) -> str:
    return " ".join(unit.text for unit in number_units(spoken.split(), date_style=style)[0])


@pytest.mark.parametrize("kind, spoken, expected", ROWS)
def test_phrases(kind: str, spoken: str, expected: str) -> None:
    assert written(spoken) == expected


def test_the_table_is_large_and_half_traps() -> None:
    stay = [row for row in ROWS if "trap" in row[0]]
    assert len(ROWS) >= 200
    assert len(stay) >= 90


def test_dates_in_the_american_order() -> None:
    assert written("the third of may nineteen eighty two", DateStyle.MDY) == "May 3, 1982"
    assert written("on the fourth of july", DateStyle.MDY) == "on July 4"


@given(SPOKEN)
def test_every_word_has_its_place_in_one_unit(words: list[str]) -> None:
    units, settled = number_units(words)
    assert settled == len(words)
    place = 0
    for unit in units:
        assert unit.begin == place < unit.end
        place = unit.end
        assert unit.number or unit.text == words[unit.begin]
    assert place == len(words)


@given(SPOKEN)
def test_what_is_settled_is_never_taken_back(words: list[str]) -> None:
    final = number_units(words)[0]
    for known in range(len(words)):
        units, settled = number_units(words[:known], complete=False)
        kept = [unit for unit in units if unit.end <= settled]
        assert kept == final[: len(kept)]


@pytest.mark.parametrize("_, spoken, expected", ROWS)
def test_phrases_come_out_the_same_word_by_word(_: str, spoken: str, expected: str) -> None:
    words = spoken.split()
    shown: list[str] = []
    for known in range(len(words)):
        units, settled = number_units(words[:known], complete=False)
        now = [unit.text for unit in units if unit.end <= settled]
        assert now[: len(shown)] == shown
        shown = now
    assert " ".join(expected.split()).startswith(" ".join(shown))


def test_twenty_waits_for_four() -> None:
    assert number_units(["twenty"], complete=False)[1] == 0
    assert number_units(["twenty", "men"], complete=False)[1] >= 1


def test_ordinary_words_do_not_wait() -> None:
    words = "we went home".split()
    assert number_units(words, complete=False)[1] == len(words)
