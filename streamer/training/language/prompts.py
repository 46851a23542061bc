"""Random prompts that books do not contain: spellings, digits, codes, dates, times, commands.

A language model of books alone reads a spelled name as words. These sentences teach it, and the
acoustic model by synthetic speech, that letters and numbers can follow each other.
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

#: Commands; the first ones are likelier.
COMMANDS = (
    "yes no stop go help start repeat enter erase rubout okay cancel open close save delete "
    "back next previous play pause continue quit exit up down left right on off louder quieter "
    "again wait hello thanks undo redo copy paste send call mute scroll select print search home "
    "begin end ready done correct wrong right true false good never always please "
    "sorry goodbye maybe more less"
).split()


def _below_hundred(rng: random.Random) -> list[str]:
    value = rng.randrange(100)
    if value < 10:
        return [_digit(rng)]
    if value < 20:
        return [_TEENS[value - 10]]
    tens = _TENS[value // 10 - 2]
    return [tens, _DIGITS[value % 10]] if value % 10 else [tens]


def _digit(rng: random.Random) -> str:
    digit = rng.randrange(10)
    return "oh" if digit == 0 and rng.random() < 0.5 else _DIGITS[digit]


def _digits(rng: random.Random, least: int, most: int) -> list[str]:
    return [_digit(rng) for _ in range(rng.randint(least, most))]


def _pairs(rng: random.Random) -> list[str]:
    return [word for _ in range(rng.randint(1, 3)) for word in _below_hundred(rng)]


def _large(rng: random.Random) -> list[str]:
    words: list[str] = []
    if rng.random() < 0.4:
        words += [*_below_hundred(rng), "thousand"]
    if rng.random() < 0.8:
        words += [_DIGITS[rng.randint(1, 9)], "hundred"]
        words += ["and"] if rng.random() < 0.4 else []
    return words + _below_hundred(rng)


def _date(rng: random.Random) -> list[str]:
    day = rng.randint(1, 31)
    if day < 20:
        day_words = [_ORDINALS[day - 1]]
    elif day % 10 == 0:
        day_words = ["twentieth" if day == 20 else "thirtieth"]
    else:
        day_words = [_TENS[day // 10 - 2], _ORDINALS[day % 10 - 1]]
    year = [rng.choice(["eighteen", "nineteen", "nineteen", "twenty"]), *_below_hundred(rng)]
    month = rng.choice(_MONTHS)
    form = rng.random()
    if form < 0.5:
        return [month, *day_words, *year]
    if form < 0.7:
        return [month, *day_words]
    if form < 0.85:
        return ["the", *day_words, "of", month, *(year if rng.random() < 0.6 else [])]
    return [rng.choice(_DAYS), *([month, *day_words] if rng.random() < 0.5 else [])]


def _time(rng: random.Random) -> list[str]:
    hour = rng.choice([*_DIGITS[1:], "ten", "eleven", "twelve"])
    form = rng.random()
    if form < 0.3:
        return [hour, "o'clock"]
    if form < 0.5:
        return [rng.choice(["half", "quarter"]), rng.choice(["past", "to"]), hour]
    return [hour, *_below_hundred(rng), *rng.choice([[], ["a", "m"], ["p", "m"]])]


def _letters(rng: random.Random, least: int, most: int) -> list[str]:
    return [rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(least, most))]


def _code(rng: random.Random) -> list[str]:
    command = [rng.choice(["enter", "erase", "rubout", "repeat", "go"])]
    return [
        *(command if rng.random() < 0.5 else []),
        *_letters(rng, 0, 5),
        *(_pairs(rng) if rng.random() < 0.7 else _digits(rng, 1, 4)),
    ]


def _command(rng: random.Random) -> list[str]:
    return [COMMANDS[min(int(rng.expovariate(0.08)), len(COMMANDS) - 1)]]


def prompts(n: int, words_to_spell: Sequence[str], seed: int = 0) -> Iterator[str]:
    """Yield ``n`` sentences of a-z, apostrophe and space.

    Args:
        n: number of sentences.
        words_to_spell: names and other words; repeat those that should be likelier.
        seed: the same seed gives the same sentences.
    """
    rng = random.Random(seed)

    def spelled(rng: random.Random) -> list[str]:
        letters: list[str] = []
        for position, letter in enumerate(rng.choice(words_to_spell)):
            double = position and letter == letters[-1] and rng.random() < 0.1
            if double:
                letters[-1:] = ["double", letter]
            elif letter == "'":
                letters.append("apostrophe")
            else:
                letters.append(letter)
        before = [rng.choice(words_to_spell)] if rng.random() < 0.1 else []
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
        _command,
        _command,
        _pairs,
        _large,
        _date,
        _time,
        lambda c: _digits(c, 3, 7),
        lambda c: _digits(c, 7, 11),
        lambda c: _letters(c, 1, 6),
    ]
    for _ in range(n):
        yield " ".join(rng.choice(kinds)(rng))
