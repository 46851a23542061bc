"""Phrases with numbers in them that stay words."""

from __future__ import annotations

from streamer.text.numbers.parsing import below_hundred, cardinal, follows_number
from streamer.text.numbers.span import Place, Span
from streamer.text.numbers.vocabulary import DIGITS, FRACTIONS, NUMBER_WORDS, SCALES, TEENS
from streamer.text.numbers.window import Window

_IDIOMS = {
    tuple(idiom.split())
    for idiom in (
        "ten to one", "nine to five", "forty winks", "ten commandments", "fifty fifty",
        "twenty twenty vision", "twenty twenty hindsight", "ten four", "eleventh hour",
        "thousand and one", "twenty four seven", "ten a penny", "twenty questions",
    )
}  # fmt: skip
_FIRST_OF_IDIOMS = {idiom[0] for idiom in _IDIOMS}
_BIG = {"hundred", *SCALES}
#: Minutes that people say before "to" and "past".
_MINUTES = {5, 10, 20, 25}
_CLOCK_CUES = {"at", "it's", "is", "until", "till", "by", "was", "about", "nearly", "almost"}


def phrase(place: Place) -> Span | None:
    """Keep idioms, "ten past nine", "half a million", "two and a half", "thirty odd"."""
    words, position = place.words, place.position
    word = place.word
    if word in _FIRST_OF_IDIOMS:
        for idiom in _IDIOMS:
            behind = position + len(idiom)
            said = all(words.at(position + k) == w for k, w in enumerate(idiom))
            if said and not follows_number(words, behind):
                return Span(behind)
    if word in ("a", "half", "quarter"):
        return _article(place)
    if word not in NUMBER_WORDS:
        return None
    end = _clock_phrase(place) or _mixed(words, position) or _height(words, position)
    return Span(end) if end else None


def _article(place: Place) -> Span | None:
    """Keep "a hundred", "half a million", "half past ten", "quarter to nine"."""
    words, position = place.words, place.position
    following = words.at(position + 1)
    if place.word != "a":
        if following in ("past", "to") and _is_hour(words.at(position + 2)):
            return Span(position + 3)
        of = position + (following == "of") + 1
        big = words.at(of) == "a" and words.at(of + 1) in _BIG
        return Span(of + 2) if big else None
    if following not in _BIG:
        return None
    end = position + 2
    while words.at(end) in SCALES:
        end += 1
    if words.at(end) == "and" and words.at(end + 1) in ("a", "one", "half"):
        return Span(end)
    count = cardinal(words, position)
    if count is not None and count.end > end:
        return None  # "a hundred and twenty" is a count like any other
    while follows_number(words, end):
        end += 1
    return Span(end)


def _is_hour(word: str) -> bool:
    return word in DIGITS or word in ("ten", "eleven", "twelve")


def _clock_phrase(place: Place) -> int | None:
    """Find the end of "ten past nine", "twenty to six", "ten o'clock"."""
    words, position = place.words, place.position
    if words.at(position + 1) == "o'clock":
        return position + 2
    minutes = below_hundred(words, position)
    if minutes is None or minutes.value not in _MINUTES:
        return None
    joint = words.at(minutes.end)
    hour = words.at(minutes.end + 1) if joint in ("past", "to") else ""
    if not _is_hour(hour) or words.at(minutes.end + 2) in NUMBER_WORDS:
        return None
    value = DIGITS.get(hour) or TEENS[hour]
    if joint == "past" or value < minutes.value or place.before() in _CLOCK_CUES:
        return minutes.end + 2
    return None


def _mixed(words: Window, position: int) -> int | None:
    """Find the end of "two and a half million", "thirty odd", "ten ish"."""
    found = cardinal(words, position)
    if found is None:
        return None
    end = found.end
    if words.at(end) in ("odd", "something", "ish"):
        return end + 1
    if words.at(end) != "and":
        return None
    part = end + 1
    if words.at(part) in ("a", "one") or (words.at(part) in DIGITS):
        part += 1
    if part > end + 1 and words.at(part) in FRACTIONS:
        return part + 1 + (words.at(part + 1) in SCALES)
    return None


def _height(words: Window, position: int) -> int | None:
    """Find the end of "five foot ten"."""
    if words.at(position) in DIGITS and words.at(position + 1) in ("foot", "feet"):
        inches = below_hundred(words, position + 2)
        if inches is not None and inches.value < 12:
            return inches.end
    return None
