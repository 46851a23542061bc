"""The rules for numbers in their order; the first that fits a place writes it.

Where no rule is sure the words stay. The rules are those of ordinary English prose: counts from
ten on in digits with commas from 1,000, below ten in words unless they measure something (money,
percent, clock times, dates, decimals); years, codes and ordinals in digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, NamedTuple, Optional

from streamer.text.numbers import amounts, calendar, codes, phrases
from streamer.text.numbers.span import DateStyle, Place, Span
from streamer.text.numbers.window import Window

__all__ = ["DateStyle", "Unit", "as_spoken", "number_units"]

_Rule = Callable[[Place], Optional[Span]]
_RULES: tuple[_Rule, ...] = (
    phrases.phrase,
    calendar.date,
    calendar.clock_time,
    calendar.decade,
    calendar.year,
    codes.code,
    amounts.fraction,
    amounts.ordinal,
    amounts.amount,
)


class Unit(NamedTuple):
    """What is written for a word, or for the words of a number.

    Attributes:
        text: as it is written; a word in lower case.
        begin: place of its first word.
        end: place behind its last word.
        number: whether it is a number in digits.
    """

    text: str
    begin: int
    end: int
    number: bool


def as_spoken(words: Sequence[str], complete: bool = True) -> tuple[list[Unit], int]:
    """Return a unit a word, all of them settled; see `number_units`."""
    return [Unit(word, k, k + 1, False) for k, word in enumerate(words)], len(words)


def number_units(
    words: Sequence[str], complete: bool = True, date_style: DateStyle = DateStyle.DMY
) -> tuple[list[Unit], int]:
    """Write the numbers of an utterance in digits.

    Args:
        words: as they are spoken, in lower case.
        complete: no further words will come.
        date_style: order of day and month.

    Returns:
        The units of all words, and the number of words that are settled: whatever follows,
        their units stay the same.
    """
    window = Window(words, complete)
    units: list[Unit] = []
    settled = 0
    place = Place(window, 0, date_style)
    while place.position < len(words):
        found = next((span for span in (rule(place) for rule in _RULES) if span is not None), None)
        if found is None:
            end = place.position + 1
            units.append(Unit(words[place.position], place.position, end, False))
        elif found.text is None:
            end = found.end
            units.extend(Unit(words[k], k, k + 1, False) for k in range(place.position, end))
        else:
            end = found.end
            units.append(Unit(found.text, place.position, end, True))
        place = place.after(end, found)
        if not window.touched:
            settled = end
    return units, settled
