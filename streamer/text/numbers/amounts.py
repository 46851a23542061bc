"""Counts, decimals, money, percentages, ordinals."""

from __future__ import annotations

from typing import NamedTuple

from streamer.text.numbers import parsing
from streamer.text.numbers.span import Place, Span
from streamer.text.numbers.vocabulary import (
    AFTER_PRONOUN,
    CODE_DIGITS,
    CURRENCIES,
    DIGITS,
    FIRST_IN_DIGITS,
    FRACTIONS,
    LASTING,
    NUMBER_WORDS,
    ORDINALS,
    POSSESSIVES,
    SCALES,
    STREETS,
    TENS,
    WEIGHT_AFTER,
    WEIGHT_BEFORE,
)
from streamer.text.numbers.window import Window

#: How far before a weight its verb may stand: "he weighs about twenty pounds".
_VERB_DISTANCE = 4
_ENDS_PRICE = frozenset("and for a each per in please to on at or but is was the".split())


class _Count(NamedTuple):
    """A count as it is written in digits."""

    text: str
    end: int
    value: float


def fraction(place: Place) -> Span | None:
    """Keep "two thirds", "one fifth", "a tenth"."""
    words, position = place.words, place.position
    if place.word in ("a", "an"):
        following = words.at(position + 1)
        if following in FRACTIONS and words.at(position + 2) in ("of", ""):
            return Span(position + 2)
        return None
    if place.word not in NUMBER_WORDS:
        return None
    count = parsing.cardinal(words, position)
    if count is None or words.at(count.end) not in FRACTIONS:
        return None
    part = words.at(count.end)
    if part.endswith("s"):  # "halves" too
        return Span(count.end + 1)
    if words.at(count.end - 1) in TENS and ORDINALS.get(part, FIRST_IN_DIGITS) < FIRST_IN_DIGITS:
        return None  # "twenty first"
    if count.value > 1 and part in ("hundredth", "thousandth"):
        return None
    if part == "hundredth" and place.before() in POSSESSIVES and words.at(count.end + 1) != "of":
        return None
    return Span(count.end + 1) if count.end == position + 1 else None


def amount(place: Place) -> Span | None:
    """Write counts, alone or with what they measure."""
    words = place.words
    begin = place.position + (place.word == "minus")
    count = _count(place, begin)
    if count is None:
        return None
    if parsing.follows_number(words, count.end):
        return Span(_end_of_numbers(words, count.end))
    if place.word == "minus":
        if words.at(begin) == "one" and words.at(count.end) in AFTER_PRONOUN:
            return None
        return Span(count.end, f"minus {count.text}")
    return _range(place, count) or _measured(place, count) or _plain(place, count)


def _count(place: Place, begin: int) -> _Count | None:
    """Read a count, a decimal or "a hundred and twenty"."""
    words = place.words
    if words.at(begin) not in NUMBER_WORDS and words.at(begin) != "a":
        return None
    found = parsing.cardinal(words, begin)
    if found is None:
        return None
    if words.at(found.end) == "point":
        decimals, end = _decimals(words, found.end + 1)
        pointing = found.value == 1 and place.before() in ("at", "that", "this", "on", "the")
        if decimals and not pointing:
            text = f"{found.value:,}.{decimals}"
            scale = words.at(end)
            if scale in SCALES:
                return _Count(f"{text} {scale}", end + 1, float(FIRST_IN_DIGITS))
            return _Count(text, end, float(FIRST_IN_DIGITS))
    return _Count(f"{found.value:,}", found.end, found.value)


def _decimals(words: Window, place: int) -> tuple[str, int]:
    digits = ""
    while words.at(place) in CODE_DIGITS:
        digits += str(CODE_DIGITS[words.at(place)])
        place += 1
    if not digits:
        pair = parsing.two_digits(words, place)
        if pair is not None:
            return str(pair.value), pair.end
    return digits, place


def _end_of_numbers(words: Window, place: int) -> int:
    while parsing.follows_number(words, place):
        place += 1
    return place


def _range(place: Place, first: _Count) -> Span | None:
    """Write "five to ten percent", "between two and three dollars"."""
    words = place.words
    joint = words.at(first.end)
    if joint not in ("to", "or") and not (joint == "and" and place.before() == "between"):
        return None
    second = _count(place, first.end + 1)
    if second is None:
        return None
    if _percent_end(words, second.end) is not None:
        end = _percent_end(words, second.end)
        assert end is not None
        return Span(end, f"{first.text} {joint} {second.text}%")
    sign = _currency(place, second)
    if sign is None:
        return None
    return Span(second.end + 1, f"{sign}{first.text} {joint} {sign}{second.text}")


def _measured(place: Place, count: _Count) -> Span | None:
    words = place.words
    percent = _percent_end(words, count.end)
    if percent is not None:
        return Span(percent, f"{count.text}%")
    if words.at(count.end) in ("cents", "cent"):
        return Span(count.end + 1, f"{count.text} {words.at(count.end)}")
    sign = _currency(place, count)
    if sign is None:
        return None
    end = count.end + 1
    cents = _cents(words, end)
    if cents is not None and "." not in count.text:
        return Span(cents.end, f"{sign}{count.text}.{cents.value:02}")
    return Span(end, f"{sign}{count.text}")


def _plain(place: Place, count: _Count) -> Span | None:
    small = count.value < FIRST_IN_DIGITS and count.text.isdigit()
    if (
        small
        and place.words.at(count.end) == "minus"
        and place.words.at(count.end + 1) in NUMBER_WORDS
    ):
        small = False
    return None if small else Span(count.end, count.text)


def _percent_end(words: Window, place: int) -> int | None:
    if words.at(place) == "percent":
        return place + 1
    if words.at(place) == "per" and words.at(place + 1) == "cent":
        return place + 2
    return None


def _currency(place: Place, count: _Count) -> str | None:
    """Return the sign of the currency behind a count; pounds may be a weight."""
    words = place.words
    sign = CURRENCIES.get(words.at(count.end))
    if sign != "£":
        return sign
    if words.at(count.end + 1) in WEIGHT_AFTER:
        return None
    if any(place.before(k) in WEIGHT_BEFORE for k in range(1, _VERB_DISTANCE + 1)):
        return None
    if words.at(count.end) == "pound" and count.value != 1:
        return (
            sign if words.at(count.end + 1) in ("note", "coin", "bill", "fine", "ticket") else None
        )
    return sign


def _cents(words: Window, place: int) -> parsing.Value | None:
    """Read "and fifty cents", "fifty pence", or "fifty" where the price ends with it."""
    begin = place + (words.at(place) == "and")
    found = parsing.below_hundred(words, begin)
    if found is None:
        return None
    if words.at(found.end) in ("cents", "cent", "pence", "p"):
        return parsing.Value(found.value, found.end + 1)
    follows = words.at(found.end)
    ends = (
        begin == place
        and found.value >= FIRST_IN_DIGITS
        and (not follows or follows in _ENDS_PRICE)
    )
    return found if ends else None


def ordinal(place: Place) -> Span | None:
    """Write "twenty first", "tenth"; below ten they stay words."""
    words, position = place.words, place.position
    if place.word not in ORDINALS and place.word not in TENS and place.word not in DIGITS:
        return None
    found = parsing.ordinal(words, position)
    if found is None or found.value < FIRST_IN_DIGITS:
        return None
    if words.at(found.end - 1) == "second" and place.word in TENS:
        return _seconds(place, found)
    suffix = (
        "th"
        if 10 <= found.value % 100 <= 20
        else {1: "st", 2: "nd", 3: "rd"}.get(found.value % 10, "th")
    )
    return Span(found.end, f"{found.value}{suffix}")


def _seconds(place: Place, found: parsing.Value) -> Span:
    """Tell "a thirty second timer" from "the thirty second president"."""
    following = place.words.at(found.end)
    if following in STREETS:
        return Span(found.end, f"{found.value}nd")
    if place.before() in ("a", "an", "another", "every", "per") or following in LASTING:
        return Span(found.end, f"{found.value - 2} second")
    if place.before() in POSSESSIVES:
        return Span(found.end, f"{found.value}nd")
    return Span(found.end)
