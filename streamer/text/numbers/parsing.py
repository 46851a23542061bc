"""Readers of the pieces of numbers: each takes a place and returns a value and where it ends.

All of them return None where no such piece begins.
"""

from __future__ import annotations

from typing import NamedTuple

from streamer.text.numbers.vocabulary import (
    AFTER_PRONOUN,
    CODE_DIGITS,
    DIGITS,
    NUMBER_WORDS,
    ORDINALS,
    REPEATS,
    SCALES,
    TEENS,
    TENS,
)
from streamer.text.numbers.window import Window


class Value(NamedTuple):
    """A number that was read.

    Attributes:
        value: what it counts.
        end: the place behind it.
    """

    value: int
    end: int


def below_hundred(words: Window, place: int) -> Value | None:
    """Read 1 to 99."""
    word = words.at(place)
    if word in DIGITS:
        return Value(DIGITS[word], place + 1)
    return two_digits(words, place)


def two_digits(words: Window, place: int) -> Value | None:
    """Read 10 to 99."""
    word = words.at(place)
    if word in TEENS:
        return Value(TEENS[word], place + 1)
    if word in TENS:
        unit = DIGITS.get(words.at(place + 1), 0)
        return Value(TENS[word] + unit, place + 1 + bool(unit))
    return None


def cardinal(words: Window, place: int) -> Value | None:
    """Read a count: "two hundred and five", "eleven hundred", "a hundred and twenty"."""
    if words.at(place) == "zero":
        return Value(0, place + 1)
    total = 0
    smallest = 10**15
    end = place
    while True:
        group = _group(words, _past_and(words, end) if end > place else end)
        if group is None or group.value >= smallest:
            break
        scale = SCALES.get(words.at(group.end), 1)
        if scale >= smallest:
            break
        total += group.value * scale
        smallest = scale
        end = group.end + (scale > 1)
        if scale == 1:
            break
    return Value(total, end) if end > place else None


def _past_and(words: Window, place: int) -> int:
    return place + (words.at(place) == "and")


def _group(words: Window, place: int) -> Value | None:
    """Read what stands before a scale: at most 9,900 ("ninety nine hundred")."""
    joined = words.at(place - 1) == "and"
    first = below_hundred(words, place)
    if words.at(place) == "a" and not joined and words.at(place + 1) in ("hundred", *SCALES):
        first = Value(1, place + 1)
    if first is None or (joined and _is_pronoun(words, first, place)):
        return None
    if words.at(first.end) != "hundred":
        return first
    hundreds = Value(first.value * 100, first.end + 1)
    begin = _past_and(words, hundreds.end)
    rest = below_hundred(words, begin)
    if rest is None or words.at(rest.end) == "hundred":
        return hundreds
    if begin > hundreds.end and _is_pronoun(words, rest, begin):
        return hundreds
    return Value(hundreds.value + rest.value, rest.end)


def _is_pronoun(words: Window, found: Value, place: int) -> bool:
    """Whether "one" after "and" is somebody: "two hundred and one of them was late"."""
    return words.at(place) == "one" and words.at(found.end) in AFTER_PRONOUN


def follows_number(words: Window, place: int) -> bool:
    """Whether another number begins, so that nobody knows which belongs to which."""
    word = words.at(place)
    return word in NUMBER_WORDS or (word == "oh" and words.at(place + 1) in CODE_DIGITS)


def ordinal(words: Window, place: int) -> Value | None:
    """Read "third", "twenty first", "two hundredth", "one hundred and first"."""
    word = words.at(place)
    if word in ORDINALS:
        return Value(ORDINALS[word], place + 1)
    if word in TENS:
        unit = ORDINALS.get(words.at(place + 1), 0)
        return Value(TENS[word] + unit, place + 2) if 0 < unit < 10 else None
    hundreds = DIGITS.get(word)
    if hundreds is None:
        return None
    if words.at(place + 1) == "hundredth":
        return Value(hundreds * 100, place + 2)
    if words.at(place + 1) == "hundred":
        rest = ordinal(words, _past_and(words, place + 2))
        if rest is not None and rest.value < 100:
            return Value(hundreds * 100 + rest.value, rest.end)
    return None


def halves_of_year(words: Window, place: int) -> tuple[int, int, int] | None:
    """Read a year of two halves ("nineteen eighty two", "eighteen oh one"): both, and the end."""
    word = words.at(place)
    century = TEENS.get(word) or (20 if word == "twenty" else None)
    if century is None:
        return None
    if words.at(place + 1) == "oh" and words.at(place + 2) in DIGITS:
        return century, DIGITS[words.at(place + 2)], place + 3
    rest = two_digits(words, place + 1)
    return None if rest is None else (century, rest.value, rest.end)


def year(words: Window, place: int) -> Value | None:
    """Read a year where one is expected, in any of its forms."""
    halves = halves_of_year(words, place)
    if halves is not None:
        century, rest, end = halves
        return None if words.at(end) == "hundred" else Value(century * 100 + rest, end)
    count = cardinal(words, place)
    if count is None or not 1000 <= count.value < 2100:
        return None
    return count if words.at(place + 1) in ("hundred", "thousand") else None


def code_digits(words: Window, place: int) -> tuple[str, int]:
    """Read single digits ("five five oh", "double seven") as long as there are any."""
    digits = ""
    while True:
        word = words.at(place)
        if word in CODE_DIGITS:
            digits += str(CODE_DIGITS[word])
            place += 1
        elif word in REPEATS and words.at(place + 1) in CODE_DIGITS:
            digits += str(CODE_DIGITS[words.at(place + 1)]) * REPEATS[word]
            place += 2
        else:
            return digits, place
