"""Digits read one by one: telephone numbers, rooms, codes."""

from __future__ import annotations

from streamer.text.numbers import parsing
from streamer.text.numbers.span import Place, Span
from streamer.text.numbers.vocabulary import (
    AFTER_PRONOUN,
    BEFORE_PRONOUN,
    CODE_CUES,
    CODE_DIGITS,
    CURRENCIES,
    DIGITS,
    NAMED_BY_NUMBER,
    REPEATS,
    SCALES,
)
from streamer.text.numbers.window import Window

#: Fewer digits than this in a row may be anything.
FEWEST_DIGITS = 3
#: As many digits are a telephone number, whatever stands before them.
TELEPHONE_DIGITS = 7
_NOT_AFTER = frozenset({*CURRENCIES, *SCALES, "hundred", "percent", "point", "half"})
#: How far before a code its noun may stand: "my number is".
_CUE_DISTANCE = 3


def code(place: Place) -> Span | None:
    """Write "five five five one two three four", "room one oh one", "flight four twenty"."""
    if place.word not in CODE_DIGITS and place.word not in REPEATS:
        return None
    words = place.words
    named = _in_pieces(place)
    if named is not None:
        return named
    if place.word == "one" and place.before() in BEFORE_PRONOUN:
        return None
    toll_free = _toll_free(words, place.position)
    if toll_free is not None:
        return toll_free
    digits, end = parsing.code_digits(words, place.position)
    if len(digits) < FEWEST_DIGITS:
        return None
    digits, end = _two_by_two(words, digits, end)
    if words.at(end) in _NOT_AFTER or parsing.follows_number(words, end):
        return Span(end)
    cued = any(place.before(k) in CODE_CUES for k in range(1, _CUE_DISTANCE + 1))
    if not cued and len(digits) < TELEPHONE_DIGITS:
        if place.word == "oh" and "oh" not in words.between(place.position + 1, end):
            return Span(end)  # "oh one two three go"
        if _is_counting(digits):
            return Span(end)
    return Span(end, grouped(digits))


def grouped(digits: str) -> str:
    """Set digits apart as telephone numbers are: 555 1234, 212 555 1234."""
    if len(digits) == TELEPHONE_DIGITS:
        return f"{digits[:3]} {digits[3:]}"
    if len(digits) == 10:
        return f"{digits[:3]} {digits[3:6]} {digits[6:]}"
    if len(digits) == 11 and digits.startswith("02"):
        return f"{digits[:3]} {digits[3:7]} {digits[7:]}"
    if len(digits) == 11 and digits.startswith("1"):
        return f"1 {grouped(digits[1:])}"
    return digits


def _two_by_two(words: Window, digits: str, end: int) -> tuple[str, int]:
    """Go on with numbers of two digits: "five five five twelve thirty four"."""
    begin = end
    longer = digits
    while True:
        pair = parsing.two_digits(words, end)
        if pair is None:
            break
        longer += str(pair.value)
        end = pair.end
    if len(longer) in (TELEPHONE_DIGITS, 10) and words.at(end) not in _NOT_AFTER:
        return longer, end
    return digits, begin


def _is_counting(digits: str) -> bool:
    """Whether somebody counts, up or down: "three two one go"."""
    steps = {int(b) - int(a) for a, b in zip(digits, digits[1:])}
    return steps in ({1}, {-1})


def _in_pieces(place: Place) -> Span | None:
    if place.before() not in NAMED_BY_NUMBER or place.word not in DIGITS:
        return None
    if place.words.at(place.position + 1) in CODE_DIGITS:
        digits, end = parsing.code_digits(place.words, place.position)
        two = len(digits) == FEWEST_DIGITS - 1 and place.words.at(end) not in AFTER_PRONOUN
        if not two or place.words.at(end) in _NOT_AFTER or parsing.follows_number(place.words, end):
            return None
        return Span(end, digits)
    rest = parsing.two_digits(place.words, place.position + 1)
    if rest is None or parsing.follows_number(place.words, rest.end):
        return None
    return Span(rest.end, f"{DIGITS[place.word]}{rest.value}")


def _toll_free(words: Window, position: int) -> Span | None:
    """Write "one eight hundred five five five one two one two"."""
    begin = position + (words.at(position) == "one")
    if words.at(begin) not in DIGITS or words.at(begin + 1) != "hundred":
        return None
    digits, end = parsing.code_digits(words, begin + 2)
    if len(digits) != TELEPHONE_DIGITS:
        return None
    first = "1" if begin > position else ""
    return Span(end, grouped(f"{first}{DIGITS[words.at(begin)]}00{digits}"))
