"""Dates, clock times, years and decades."""

from __future__ import annotations

from streamer.text.numbers import parsing
from streamer.text.numbers.span import DateStyle, Place, Span
from streamer.text.numbers.vocabulary import (
    AFTER_YEAR,
    AMBIGUOUS_MONTHS,
    CHANGES,
    CURRENCIES,
    DATE_CUES,
    DECADES,
    DIGITS,
    FIRST_IN_DIGITS,
    MONTHS,
    NUMBER_WORDS,
    ORDINALS,
    TEENS,
    TENS,
    TIME_CUES,
    WEEKDAYS,
    YEAR_CUES,
)
from streamer.text.numbers.window import Window

_UNITS = frozenset({*CURRENCIES, "percent", "hundred", "thousand", "million", "point", "cents"})
_DURATIONS = frozenset({"second", "minute", "hour", "day", "week", "year", "seconds", "minutes"})
_DAYTIMES = frozenset({"morning", "afternoon", "evening"})
_LAST_DAY = 31


def date(place: Place) -> Span | None:
    """Write "the third of may", "third of may nineteen eighty two", "on may the third"."""
    words, position = place.words, place.position
    if place.word in MONTHS:
        return _month_first(place)
    begin = position + (place.word == "the")
    if begin == position and place.before() == "the":
        return None  # the article would stay: "from the first to the tenth of may"
    if words.at(begin) not in ORDINALS and words.at(begin) not in TENS:
        return None
    day = parsing.ordinal(words, begin)
    if day is None or day.value > _LAST_DAY or words.at(day.end) != "of":
        return None
    month = MONTHS.get(words.at(day.end + 1))
    if month is None or place.before() in ("a", "one"):
        return None
    if place.before() in ("and", "or", "to") and place.before(2) in ORDINALS:
        return None  # "the third and fourth of may"
    return _written_date(place, day.value, month, day.end + 2)


def _month_first(place: Place) -> Span | None:
    words, position = place.words, place.position
    begin = position + 1 + (words.at(position + 1) == "the")
    if words.at(begin) not in ORDINALS and words.at(begin) not in TENS:
        return None
    day = parsing.ordinal(words, begin)
    if day is None or day.value > _LAST_DAY or words.at(day.end) == "of":
        return None
    has_year = parsing.year(words, day.end) is not None
    if place.word in AMBIGUOUS_MONTHS and not has_year and not _is_month(place, day):
        return None
    if begin == position + 1 and place.before() in ("in", "this", "last", "next"):
        return None  # "in june first one and then another"
    return _written_date(place, day.value, MONTHS[place.word], day.end)


def _is_month(place: Place, day: parsing.Value) -> bool:
    """Whether "may", "march" or "august" before an ordinal is the month."""
    if place.before() in DATE_CUES or place.before() in WEEKDAYS:
        return True
    if place.before() or place.word == "may":
        return False
    # "march the fifteenth" at the beginning; "march the second battalion" has a noun behind it.
    following = place.words.at(day.end)
    sure = day.value >= FIRST_IN_DIGITS or place.words.at(place.position + 1) == "the"
    return sure and (not following or following in AFTER_YEAR)


def _written_date(place: Place, day: int, month: str, end: int) -> Span:
    year = parsing.year(place.words, end)
    if year is not None and parsing.follows_number(place.words, year.end):
        year = None
    end = end if year is None else year.end
    if place.date_style is DateStyle.MDY:
        return Span(
            end, f"{month} {day}" + (f", {year.value}" if year else ""), "year" if year else ""
        )
    return Span(end, f"{day} {month}" + (f" {year.value}" if year else ""), "year" if year else "")


def clock_time(place: Place) -> Span | None:
    """Write "at ten thirty", "from nine fifteen to ten ten", "five p m"."""
    words, position = place.words, place.position
    hour = DIGITS.get(place.word) or TEENS.get(place.word)
    if hour is None:
        return None
    cued = place.before() in TIME_CUES or place.continues("time") or _ends_hours(place)
    minutes = _minutes(words, position + 1)
    if minutes is not None:
        end = minutes.end
        if words.at(end) in _UNITS or words.at(end) in _DURATIONS:
            return None
        if parsing.follows_number(words, end):
            return None
        if hour > 12 and place.before() != "at":
            return None
        half, behind = _half_of_day(words, end, cued)
        if not (cued or half or _daytime_follows(words, end)):
            return None
        return Span(behind, f"{hour}:{minutes.value:02}{half}", "time")
    if hour > 12:
        return None
    half, behind = _half_of_day(words, position + 1, cued)
    return Span(behind, f"{hour}{half}", "time") if half else None


def _ends_hours(place: Place) -> bool:
    """Whether a time begins behind an hour in words: "from nine to five thirty"."""
    hour = place.before(2) in DIGITS or place.before(2) in TEENS
    return place.before() in ("to", "until", "till") and hour and place.before(3) in TIME_CUES


def _minutes(words: Window, place: int) -> parsing.Value | None:
    if words.at(place) == "oh" and words.at(place + 1) in DIGITS:
        return parsing.Value(DIGITS[words.at(place + 1)], place + 2)
    found = parsing.two_digits(words, place)
    return found if found is not None and found.value < 60 else None


def _half_of_day(words: Window, place: int, cued: bool) -> tuple[str, int]:
    """Read "a m", "p m", "pm"; "am" only where it is no verb."""
    word = words.at(place)
    if word in ("a", "p") and words.at(place + 1) == "m":
        return f" {word}m", place + 2
    if word == "pm" or (word == "am" and cued and words.at(place + 1) != "i"):
        return f" {word}", place + 1
    return "", place


def _daytime_follows(words: Window, place: int) -> bool:
    if words.at(place) == "in":
        return words.at(place + 1) == "the" and words.at(place + 2) in _DAYTIMES
    return words.at(place) == "at" and words.at(place + 1) == "night"


def decade(place: Place) -> Span | None:
    """Write "the nineteen eighties", "the eighteen hundreds"."""
    words, position = place.words, place.position
    century = TEENS.get(place.word) or (20 if place.word == "twenty" else None)
    if century is None:
        return None
    following = words.at(position + 1)
    if following == "hundreds":
        return Span(position + 2, f"{century * 100}s")
    if following in DECADES:
        return Span(position + 2, f"{century * 100 + DECADES[following]}s")
    return None


def year(place: Place) -> Span | None:
    """Write "nineteen eighty two", "eighteen oh one", and after a cue "two thousand and five"."""
    words = place.words
    if place.word not in NUMBER_WORDS:
        return None
    cued = _is_cued(place)
    halves = parsing.halves_of_year(words, place.position)
    if halves is not None:
        century, rest, end = halves
        if not cued and (century < 13 or _is_two_counts(century, rest)):
            return None
        if words.at(end) in _UNITS or (rest >= 10 and words.at(end) in _DURATIONS and not cued):
            return None
        return Span(end, str(century * 100 + rest), "year")
    found = parsing.year(words, place.position) if cued else None
    if found is None or words.at(found.end) in _UNITS or parsing.follows_number(words, found.end):
        return None
    following = words.at(found.end)
    if following and following not in AFTER_YEAR and place.before() != "year":
        return None  # "in two thousand cases"
    return Span(found.end, str(found.value), "year")


def _is_cued(place: Place) -> bool:
    cue = place.before()
    if cue == "by" and place.before(2) in CHANGES:
        return False
    return cue in YEAR_CUES or place.continues("year")


def _is_two_counts(century: int, rest: int) -> bool:
    """Whether "fifteen sixteen", "nineteen nineteen" is more likely two counts."""
    return century < 20 and rest in (century, century + 1) and century + 1 != 20
