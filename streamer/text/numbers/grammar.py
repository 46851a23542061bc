"""The rules for numbers in their order; the first that fits a place writes it.

Where no rule is sure the words stay. The rules are those of ordinary English prose: counts from
ten on in digits with commas from 1,000, below ten in words unless they measure something (money,
percent, clock times, dates, decimals); years, codes and ordinals in digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Callable, NamedTuple, Optional

from streamer.text.numbers import amounts, calendar, codes, phrases
from streamer.text.numbers.span import DateStyle, Place, Span
from streamer.text.numbers.window import Window

__all__ = ["DateStyle", "NumberWriter", "Unit", "number_units"]

#: Decides the words at a place, or returns None.
Rule = Callable[[Place], Optional[Span]]
_RULES: tuple[Rule, ...] = (
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
        given: whether somebody wants it written like this.
    """

    text: str
    begin: int
    end: int
    number: bool
    given: bool = False


class NumberWriter:
    """Writes the numbers of one utterance in digits while its words come.

    What is settled is read once: the next call goes on behind it.

    Args:
        digits: whether to write digits; otherwise words stay as they are.
        date_style: order of day and month.
        given: a rule that goes before those of numbers; what it finds is written as it is.
    """

    def __init__(
        self,
        digits: bool = True,
        date_style: DateStyle = DateStyle.DMY,
        given: Rule | None = None,
    ) -> None:
        self._rules = _RULES if digits else ()
        self._given = given
        self._place = Place(Window((), False), 0, date_style)

    @property
    def settled(self) -> int:
        """How many words are settled: whatever follows, their units stay the same."""
        return self._place.position

    def settle(self, words: Sequence[str], complete: bool) -> list[Unit]:
        """Settle as much as these words allow, and return the units that this adds.

        Args:
            words: of the utterance so far, lower case; none of them will change.
            complete: no further words will come; then all words are settled.
        """
        window = Window(words, complete)
        place = replace(self._place, words=window)
        new: list[Unit] = []
        while place.position < len(words):
            units, place = self._read(place)
            if window.touched:
                break
            new += units
            self._place = place
        return new

    def guess(self, words: Sequence[str]) -> list[Unit]:
        """Return the units behind the settled ones; changes nothing.

        Args:
            words: of the utterance so far, lower case.
        """
        place = replace(self._place, words=Window(words, False))
        units: list[Unit] = []
        while place.position < len(words):
            more, place = self._read(place)
            units += more
        return units

    def _read(self, place: Place) -> tuple[list[Unit], Place]:
        """Return the units of the next words, and the place behind them."""
        begin = place.position
        wanted = None if self._given is None else self._given(place)
        if wanted is not None and wanted.text is not None:
            unit = Unit(wanted.text, begin, wanted.end, False, True)
            return [unit], place.after(wanted.end, wanted)
        spans = (rule(place) for rule in self._rules)
        found = next((span for span in spans if span is not None), None)
        end = begin + 1 if found is None else found.end
        if found is None or found.text is None:
            words = place.words.between(begin, end)
            units = [Unit(word, k, k + 1, False) for k, word in enumerate(words, begin)]
        else:
            units = [Unit(found.text, begin, end, True)]
        return units, place.after(end, found)


def number_units(
    words: Sequence[str], complete: bool = True, date_style: DateStyle = DateStyle.DMY
) -> tuple[list[Unit], int]:
    """Write the numbers of an utterance in digits, at once.

    Args:
        words: as they are spoken, in lower case.
        complete: no further words will come.
        date_style: order of day and month.

    Returns:
        The units of all words, and the number of words that are settled.
    """
    writer = NumberWriter(date_style=date_style)
    units = writer.settle(words, complete)
    return units + writer.guess(words), writer.settled
