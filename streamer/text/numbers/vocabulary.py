"""The words of which English makes numbers, and words that tell what kind of number follows."""

from __future__ import annotations

#: Counts below this stay words.
FIRST_IN_DIGITS = 10
DIGITS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9,
}  # fmt: skip
#: Digits of a telephone number or a code.
CODE_DIGITS = {**DIGITS, "zero": 0, "oh": 0}
TEENS = {
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15,
    "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90,
}  # fmt: skip
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
REPEATS = {"double": 2, "triple": 3}
ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7,
    "eighth": 8, "ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13,
    "fourteenth": 14, "fifteenth": 15, "sixteenth": 16, "seventeenth": 17, "eighteenth": 18,
    "nineteenth": 19, "twentieth": 20, "thirtieth": 30, "fortieth": 40, "fiftieth": 50,
    "sixtieth": 60, "seventieth": 70, "eightieth": 80, "ninetieth": 90,
}  # fmt: skip
DECADES = {
    "tens": 10, "twenties": 20, "thirties": 30, "forties": 40, "fifties": 50, "sixties": 60,
    "seventies": 70, "eighties": 80, "nineties": 90,
}  # fmt: skip
FRACTIONS = frozenset(
    "half halves third thirds quarter quarters fourth fourths fifth fifths sixth sixths seventh "
    "sevenths eighth eighths ninth ninths tenth tenths twelfth twelfths sixteenth sixteenths "
    "twentieth twentieths hundredth hundredths thousandth thousandths millionth millionths".split()
)
MONTHS = {
    "january": "January", "february": "February", "march": "March", "april": "April",
    "may": "May", "june": "June", "july": "July", "august": "August", "september": "September",
    "october": "October", "november": "November", "december": "December",
}  # fmt: skip
#: Months that are other words as well: "she may first of all ask".
AMBIGUOUS_MONTHS = frozenset({"march", "may", "august"})

NUMBER_WORDS = frozenset({*DIGITS, "zero", *TEENS, *TENS, "hundred", *SCALES})

CURRENCIES = {
    "dollar": "$", "dollars": "$", "euro": "€", "euros": "€", "pound": "£", "pounds": "£",
}  # fmt: skip
#: Words that make pounds a weight.
WEIGHT_AFTER = frozenset({"of", "in", "heavier", "lighter", "overweight", "underweight", "weight"})
WEIGHT_BEFORE = frozenset(
    "weigh weighs weighed weighing lost lose loses losing gained gain gaining lift lifts lifted "
    "lifting heavy".split()
)

#: Before a year that has no two halves: "in two thousand and five".
YEAR_CUES = frozenset({"in", "since", "by", "until", "year", *MONTHS})
#: What "by" measures: "rose by two thousand".
CHANGES = frozenset(
    "increased increase rose rise fell fall grew grow dropped drop up down cut reduced raised "
    "multiplied divided outnumbered multiply divide went".split()
)
TIME_CUES = frozenset({"at", "by", "until", "from"})
#: Before a month that is also another word.
DATE_CUES = frozenset("on since by until before after from dated is was for".split())
WEEKDAYS = frozenset("monday tuesday wednesday thursday friday saturday sunday".split())
#: Nouns after an ordinal that is a name: "forty second street".
STREETS = frozenset("street avenue road lane boulevard".split())
#: Nouns that a code follows, close by.
CODE_CUES = frozenset(
    "number code call dial pin room extension phone zip id password flight press text area "
    "account digits route highway fax mobile telephone cell ring agent gate suite serial "
    "combination passcode version license licence postcode".split()
)
#: Nouns before a number that is read in pieces: "flight four twenty".
NAMED_BY_NUMBER = frozenset(
    "flight room route highway bus boeing suite apartment gate channel interstate airbus".split()
)
#: After "one" these make it a pronoun.
AFTER_PRONOUN = frozenset(
    "of is was has had who that more day another which can could would will should might must "
    "thing person time by at on in".split()
)
#: Before "one" these make it a pronoun.
BEFORE_PRONOUN = frozenset("no any every some that this each which the another only".split())
POSSESSIVES = frozenset("the my your his her its our their".split())
#: Words that go on after a year; anything else is what there are so many of.
AFTER_YEAR = frozenset(
    "and the a an we he she it they i you there when but or to for with as was is were are had has "
    "after before at on by from his her my our their your this that until while because who which "
    "if so then not all only".split()
)
#: Nouns of which a thing of so many seconds is one.
LASTING = frozenset(
    "timer delay pause clip spot ad video silence countdown window break limit rule interval "
    "timeout penalty lap rest exposure commercial advertisement recording burst hold head "
    "response plank".split()
)
