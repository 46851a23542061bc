"""Damages inputs at random: quicker by far than drawing the same from hypothesis."""

from __future__ import annotations

import random
import re

#: Numbers that break trusting readers: zero, ends of ranges, sizes beyond any file.
_NUMBERS = [
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFE,
    0xFFFFFFFF,
]
#: What text can have in the place of something else.
_TEXTS = [b"", b"-1", b"0", b"1e999", b"NaN", b"true", b"null", b"[]", b"{}", b'""', b"9" * 5000,
          b"[" * 3000, b"\xff\xfe", b"\xed\xa0\x80", b"\0", b"\x1b[2J", b"\xe2\x80\xae", b"../../x",
          b"/dev/zero", b"\r\n", b"\n\n", b"\t", b" " * 2000, b"#", b"=", b"\\ud800"]  # fmt: skip
_TOKEN = re.compile(rb"[\w.+-]+")


def damaged(raw: bytes, other: bytes, dice: random.Random, most: int = 6) -> bytes:
    """Return an input with a few changes.

    Args:
        raw: the input.
        other: another one of the same target, to take parts from.
        dice: source of randomness.
        most: maximum number of changes.
    """
    data = bytearray(raw)
    for _ in range(dice.randint(1, most)):
        _CHANGES[int(dice.random() * len(_CHANGES))](data, other, dice)
    return bytes(data)


def _place(data: bytearray, dice: random.Random) -> int:
    # Headers are at the beginning.
    end = len(data) if dice.random() < 0.6 else min(len(data), 128)
    return int(dice.random() * end)


def _byte(data: bytearray, other: bytes, dice: random.Random) -> None:
    if data:
        data[_place(data, dice)] = dice.getrandbits(8)


def _bit(data: bytearray, other: bytes, dice: random.Random) -> None:
    if data:
        data[_place(data, dice)] ^= 1 << dice.randrange(8)


def _number(data: bytearray, other: bytes, dice: random.Random) -> None:
    size = dice.choice((1, 2, 4, 8))
    number = dice.choice(_NUMBERS) & ((1 << 8 * size) - 1)
    at = _place(data, dice)
    data[at : at + size] = number.to_bytes(size, dice.choice(("little", "big")))


def _cut(data: bytearray, other: bytes, dice: random.Random) -> None:
    at = _place(data, dice)
    del data[at : at + dice.randint(1, 64)]


def _end(data: bytearray, other: bytes, dice: random.Random) -> None:
    del data[_place(data, dice) :]


def _repeat(data: bytearray, other: bytes, dice: random.Random) -> None:
    at = _place(data, dice)
    data[at:at] = data[at : at + dice.randint(1, 256)] * dice.choice((1, 1, 2, 50))


def _splice(data: bytearray, other: bytes, dice: random.Random) -> None:
    at, start = _place(data, dice), dice.randrange(len(other) + 1)
    data[at : at + dice.choice((0, 16, 64))] = other[start : start + dice.randint(1, 256)]


def _insert(data: bytearray, other: bytes, dice: random.Random) -> None:
    at = _place(data, dice)
    data[at:at] = dice.choice(_TEXTS) if dice.random() < 0.5 else dice.randbytes(8)


def _token(data: bytearray, other: bytes, dice: random.Random) -> None:
    found = _TOKEN.search(data, _place(data, dice))
    if found:
        data[found.start() : found.end()] = dice.choice(_TEXTS)


_CHANGES = (_byte, _bit, _number, _cut, _end, _repeat, _splice, _insert, _token, _token)
