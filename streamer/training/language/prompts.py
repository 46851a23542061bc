"""Spoken-style sentences that books do not hold: spellings, digits, codes, dates, times, orders.

A language model of books alone takes a spelled name for words. These
sentences, made by chance from a seed, teach it (or a speech synthesiser's
listener) that letters and numbers may follow each other.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Callable

_DIGITS = "zero one two three four five six seven eight nine".split()
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth "
    "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
).split()
_MONTHS = (
    "january february march april may june july august september october november december"
).split()
_DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()

#: Orders that stand alone or before a code; the first ones are likelier.
ORDERS = (
    "yes no stop go help start repeat enter erase rubout okay cancel open close save delete "
    "back next previous play pause continue quit exit up down left right on off louder quieter "
    "again wait hello thanks undo redo copy paste send call mute scroll select print search home "
    "begin end ready done correct wrong right true false good never always please "
    "sorry goodbye maybe more less"
).split()


def _below_hundred(chance: random.Random) -> list[str]:
    value = chance.randrange(100)
    if value < 10:
        return [_digit(chance)]
    if value < 20:
        return [_TEENS[value - 10]]
    tens = _TENS[value // 10 - 2]
    return [tens, _DIGITS[value % 10]] if value % 10 else [tens]


def _digit(chance: random.Random) -> str:
    digit = chance.randrange(10)
    return "oh" if digit == 0 and chance.random() < 0.5 else _DIGITS[digit]


def _digits(chance: random.Random, least: int, most: int) -> list[str]:
    return [_digit(chance) for _ in range(chance.randint(least, most))]


def _pairs(chance: random.Random) -> list[str]:
    return [word for _ in range(chance.randint(1, 3)) for word in _below_hundred(chance)]


def _large(chance: random.Random) -> list[str]:
    words: list[str] = []
    if chance.random() < 0.4:
        words += [*_below_hundred(chance), "thousand"]
    if chance.random() < 0.8:
        words += [_DIGITS[chance.randint(1, 9)], "hundred"]
        words += ["and"] if chance.random() < 0.4 else []
    return words + _below_hundred(chance)


def _date(chance: random.Random) -> list[str]:
    day = chance.randint(1, 31)
    if day < 20:
        spoken = [_ORDINALS[day - 1]]
    elif day % 10 == 0:
        spoken = ["twentieth" if day == 20 else "thirtieth"]
    else:
        spoken = [_TENS[day // 10 - 2], _ORDINALS[day % 10 - 1]]
    year = [chance.choice(["eighteen", "nineteen", "nineteen", "twenty"]), *_below_hundred(chance)]
    month = chance.choice(_MONTHS)
    form = chance.random()
    if form < 0.5:
        return [month, *spoken, *year]
    if form < 0.7:
        return [month, *spoken]
    if form < 0.85:
        return ["the", *spoken, "of", month, *(year if chance.random() < 0.6 else [])]
    return [chance.choice(_DAYS), *([month, *spoken] if chance.random() < 0.5 else [])]


def _time(chance: random.Random) -> list[str]:
    hour = chance.choice([*_DIGITS[1:], "ten", "eleven", "twelve"])
    form = chance.random()
    if form < 0.3:
        return [hour, "o'clock"]
    if form < 0.5:
        return [chance.choice(["half", "quarter"]), chance.choice(["past", "to"]), hour]
    return [hour, *_below_hundred(chance), *chance.choice([[], ["a", "m"], ["p", "m"]])]


def _letters(chance: random.Random, least: int, most: int) -> list[str]:
    return [chance.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(chance.randint(least, most))]


def _code(chance: random.Random) -> list[str]:
    order = [chance.choice(["enter", "erase", "rubout", "repeat", "go"])]
    return [
        *(order if chance.random() < 0.5 else []),
        *_letters(chance, 0, 5),
        *(_pairs(chance) if chance.random() < 0.7 else _digits(chance, 1, 4)),
    ]


def _order(chance: random.Random) -> list[str]:
    return [ORDERS[min(int(chance.expovariate(0.08)), len(ORDERS) - 1)]]


def prompts(n: int, words_to_spell: Sequence[str], seed: int = 0) -> Iterator[str]:
    """Yield ``n`` sentences of a-z, apostrophe and space.

    Args:
        n: how many.
        words_to_spell: names and other words, a likelier one more often.
        seed: the same seed gives the same sentences.
    """
    chance = random.Random(seed)

    def spelled(chance: random.Random) -> list[str]:
        letters: list[str] = []
        for position, letter in enumerate(chance.choice(words_to_spell)):
            double = position and letter == letters[-1] and chance.random() < 0.1
            if double:
                letters[-1:] = ["double", letter]
            elif letter == "'":
                letters.append("apostrophe")
            else:
                letters.append(letter)
        before = [chance.choice(words_to_spell)] if chance.random() < 0.1 else []
        return before + letters

    kinds: list[Callable[[random.Random], list[str]]] = [
        spelled,
        spelled,
        spelled,
        spelled,
        spelled,
        _code,
        _code,
        _code,
        _order,
        _order,
        _pairs,
        _large,
        _date,
        _time,
        lambda c: _digits(c, 3, 7),
        lambda c: _digits(c, 7, 11),
        lambda c: _letters(c, 1, 6),
    ]
    for _ in range(n):
        yield " ".join(chance.choice(kinds)(chance))
