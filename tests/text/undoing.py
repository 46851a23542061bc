"""The way back from written to spoken words, written without a look at the grammar of numbers.

A written number can be said in several ways; `is_spoken_as` tells whether words are one of them.
"""

from __future__ import annotations

import re
from functools import cache

ONES = "zero one two three four five six seven eight nine".split()
TEENS = (
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
).split()  # fmt: skip
TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
FIRSTS = "zeroth first second third fourth fifth sixth seventh eighth ninth".split()
ORDINAL_TEENS = (
    "tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth "
    "nineteenth"
).split()
ORDINAL_TENS = (
    "_ _ twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth ninetieth".split()
)
MONTHS = (
    "january february march april may june july august september october november december"
).split()
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
MONEY = {"$": ("dollar", "dollars"), "€": ("euro", "euros"), "£": ("pound", "pounds")}
REPEATED = {"double": 2, "triple": 3}
#: The longest written form of one thing, in tokens: "1 800 555 1212", "$1.2 million".
LONGEST = 4

Words = tuple[str, ...]


def is_spoken_as(display: str, text: str) -> bool:
    """Whether a written text is what these words may be written as."""
    shown, said = display.split(), tuple(text.split())

    @cache
    def fits(token: int, word: int) -> bool:
        if token == len(shown):
            return word == len(said)
        for n in range(1, min(LONGEST, len(shown) - token) + 1):
            written = " ".join(shown[token : token + n])
            if n > 1 and not any(c.isdigit() for c in written):
                continue
            for end in range(word + 1, len(said) + 1):
                if _is(written, said[word:end]) and fits(token + n, end):
                    return True
        return False

    return fits(0, 0)


def _is(written: str, said: Words) -> bool:
    plain = re.sub(r"[.,?!:]+$", "", written).lower()
    if len(said) == 1 and plain == said[0]:
        return True
    if plain in ("am", "pm") and said == (plain[0], "m"):
        return True
    if not any(c.isdigit() for c in plain):
        return False
    return any(read(plain, said) for read in (_date, _money, _percent, _time, _number))


def _number(plain: str, said: Words) -> bool:
    if re.fullmatch(r"[\d,]+", plain):
        value = plain.replace(",", "")
        if _counts(said) == int(value):
            return True
        return "," not in plain and (_digits(said) == value or _pairs(said) == value)
    if re.fullmatch(r"[\d ]+", plain):
        digits = plain.replace(" ", "")
        return _digits(said) == digits or _pairs(said) == digits or _toll_free(said) == digits
    decade = re.fullmatch(r"(\d+)s", plain)
    if decade:
        ones = tuple([*said[:-1], _singular(said[-1])])
        return _pairs(ones) == decade[1] or _counts(ones) == int(decade[1])
    seconds = re.fullmatch(r"(\d+) second", plain)
    if seconds:
        return said[-1] == "second" and _counts(said[:-1]) == int(seconds[1])
    ordinal = re.fullmatch(r"(\d+)(st|nd|rd|th)", plain)
    if ordinal:
        return _ordinal(said) == int(ordinal[1])
    decimal = re.fullmatch(r"([\d,]+)\.(\d+)", plain)
    if decimal and "point" in said:
        place = said.index("point")
        return _counts(said[:place]) == int(decimal[1].replace(",", "")) and decimal[2] in (
            _digits(said[place + 1 :]), _pairs(said[place + 1 :]),
        )  # fmt: skip
    return False


def _singular(word: str) -> str:
    if word == "hundreds":
        return "hundred"
    if word == "tens":
        return "ten"
    return word[:-3] + "y" if word.endswith("ies") else word


def _money(plain: str, said: Words) -> bool:
    sign = plain[0]
    if sign not in MONEY:
        return False
    amount, _, scale = plain[1:].partition(" ")
    with_cents = re.fullmatch(r"([\d,]+)\.(\d\d)", amount)
    if with_cents and not scale:
        for place, word in enumerate(said):
            if word in MONEY[sign]:
                rest = [w for w in said[place + 1 :] if w not in ("and", "cents", "cent", "pence")]
                return _counts(said[:place]) == int(with_cents[1].replace(",", "")) and (
                    _counts(tuple(rest)) == int(with_cents[2])
                )
    if said[-1] in MONEY[sign]:
        said = said[:-1]  # in "$2 to $3" it is said once
    return bool(said) and (_number(amount, said) or _scaled(amount, scale, said))


def _scaled(amount: str, scale: str, said: Words) -> bool:
    return bool(scale) and said[-1] == scale and _number(amount, said[:-1])


def _percent(plain: str, said: Words) -> bool:
    if not plain.endswith("%"):
        return False
    n = 1 if said[-1:] == ("percent",) else 2 if said[-2:] == ("per", "cent") else 0
    if not n or not said[:-n]:
        return False
    amount, _, scale = plain[:-1].partition(" ")
    return _number(amount, said[:-n]) or _scaled(amount, scale, said[:-n])


def _time(plain: str, said: Words) -> bool:
    clock = re.fullmatch(r"(\d+):(\d\d)( am| pm)?", plain)
    if clock:
        if clock[3]:
            half = clock[3].strip()
            said = said[:-1] if said[-1] == half else said[:-2]
        minutes = said[1:]
        return _counts(said[:1]) == int(clock[1]) and (
            _counts(minutes) == int(clock[2])
            or (minutes[:1] == ("oh",) and _counts(minutes[1:]) == int(clock[2]))
        )
    return False


def _date(plain: str, said: Words) -> bool:
    months = "|".join(MONTHS)
    found = re.fullmatch(rf"(\d+) ({months})(?: (\d+))?", plain)
    if found:
        day, month, year = found.groups()
    else:
        found = re.fullmatch(rf"({months}) (\d+)(?:, (\d+))?", plain)
        if not found:
            return False
        month, day, year = found.groups()
    if month not in said:
        return False
    place = said.index(month)
    for end in range(place + 1, len(said) + 1):
        head = tuple(w for w in said[:place] if w not in ("the", "of"))
        tail = tuple(w for w in said[place + 1 : end] if w != "the")
        spoken_day = head + tail
        rest = said[end:]
        right_year = not rest if year is None else _year(rest) == int(year)
        if right_year and _ordinal(spoken_day) == int(day):
            return True
    return False


def _year(said: Words) -> int | None:
    pairs = _pairs(said)
    return int(pairs) if pairs and len(pairs) == 4 else _counts(said)


def _below_hundred(said: Words) -> int | None:
    if len(said) == 1:
        for words, base in ((ONES, 0), (TEENS, 10)):
            if said[0] in words:
                return base + words.index(said[0])
        return 10 * TENS.index(said[0]) if said[0] in TENS[2:] else None
    if len(said) == 2 and said[0] in TENS[2:] and said[1] in ONES[1:]:
        return 10 * TENS.index(said[0]) + ONES.index(said[1])
    return None


def _counts(said: Words) -> int | None:
    """Read a count; "and" may stand between its parts, "a" for one."""
    words = [w for w in said if w != "and"]
    if not words or said[0] == "and" or said[-1] == "and":
        return None
    if words[0] == "a":
        words[0] = "one"
    total, group, run = 0, 0, []

    def below() -> int | None:
        return 0 if not run else _below_hundred(tuple(run))

    for word in words:
        value = below()
        if word == "hundred" or word in SCALES:
            if value is None or not group + value:
                return None
            if word == "hundred":
                group = 100 * value
            else:
                total, group = total + (group + value) * SCALES[word], 0
            run = []
        else:
            run.append(word)
    value = below()
    return None if value is None else total + group + value


def _ordinal(said: Words) -> int | None:
    if not said:
        return None
    last = said[-1]
    values = {
        word: base + k * step
        for words, base, step in ((FIRSTS, 0, 1), (ORDINAL_TEENS, 10, 1), (ORDINAL_TENS, 0, 10))
        for k, word in enumerate(words)
    }
    if last == "hundredth":
        before = _counts(said[:-1])
        return None if before is None else 100 * before
    if last not in values or last == "_":
        return None
    if len(said) == 1:
        return values[last]
    if said[-2] in TENS[2:] and values[last] < 10:
        rest = said[:-2]
        head = _counts(rest[:-1] if rest[-1:] == ("and",) else rest) if rest else 0
        return None if head is None else head + 10 * TENS.index(said[-2]) + values[last]
    rest = said[:-1]
    head = _counts(rest[:-1] if rest[-1:] == ("and",) else rest)
    return None if head is None or head % 100 else head + values[last]


def _digits(said: Words) -> str | None:
    digits = ""
    times = 1
    for word in said:
        if word in REPEATED:
            times = REPEATED[word]
        elif word == "oh" or word in ONES:
            digits += ("0" if word == "oh" else str(ONES.index(word))) * times
            times = 1
        else:
            return None
    return digits


def _pairs(said: Words) -> str | None:
    """Read digits, numbers of two digits and "hundred" one behind the other."""
    digits, place = "", 0
    while place < len(said):
        for n in (2, 1):
            part = said[place : place + n]
            value = _below_hundred(part) if len(part) == n else None
            if value is not None and (n == 1 or value > 20):
                digits += str(value)
                place += n
                break
        else:
            word = said[place]
            if word == "oh":
                digits += "0"
            elif word == "hundred" and digits:
                digits += "00"
            elif word in REPEATED and place + 1 < len(said):
                one = _digits(said[place : place + 2])
                if one is None:
                    return None
                digits, place = digits + one, place + 1
            else:
                return None
            place += 1
    return digits


def _toll_free(said: Words) -> str | None:
    return _pairs(said)
