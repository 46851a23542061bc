"""Keys in terminal input: characters, named keys, answers of the terminal.

A key is a character, or a name: "left", "right", "up", "down", "home", "end", "delete",
"escape", "alt-x". Enter is a line feed, whether the terminal sends that or a carriage
return. What the terminal itself answers begins with ``ESC ]`` or ``ESC [ ?``; it is not a
key, but passed on whole.
"""

from __future__ import annotations

import re

_ESC = "\x1b"
#: Control and operating-system sequences, keys of an application keypad, Alt with a key.
_SEQUENCE = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-?]*[ -/]*[@-~]|\x1bO.|\x1b[^\x1b\[\]O]", re.DOTALL
)
#: The beginning of one.
_BEGUN = re.compile(r"\x1b(?:\][^\x07\x1b]*\x1b?|\[[0-?]*[ -/]*|O)?\Z")
#: No terminal answers with more; longer ones were never meant as a sequence.
_LONGEST = 256

_LETTERS = {"A": "up", "B": "down", "C": "right", "D": "left", "H": "home", "F": "end"}
_NUMBERS = {"1": "home", "3": "delete", "4": "end", "7": "home", "8": "end"}


class KeyParser:
    """Splits input into keys; a sequence may arrive in pieces."""

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str) -> list[str]:
        """Return the keys that are complete."""
        text, self._rest = self._rest + text, ""
        begun = _BEGUN.search(text)
        if begun and begun.start() >= len(text) - _LONGEST:
            text, self._rest = text[: begun.start()], text[begun.start() :]
        keys: list[str] = []
        end = 0
        for found in _SEQUENCE.finditer(text):
            keys += _characters(text[end : found.start()])
            keys += _named(found.group())
            end = found.end()
        return keys + _characters(text[end:])

    def flush(self) -> list[str]:
        """Return what has arrived when nothing follows: a single ESC is a key of its own."""
        rest, self._rest = self._rest, ""
        return ["escape"] if rest == _ESC else []


def is_answer(key: str) -> bool:
    """Return whether a key is an answer of the terminal."""
    return key.startswith((_ESC + "]", _ESC + "[?"))


def _characters(text: str) -> list[str]:
    return list(text.replace("\r", "\n").replace(_ESC, ""))


def _named(sequence: str) -> list[str]:
    if is_answer(sequence):
        return [sequence]
    kind, last = sequence[1], sequence[-1]
    if kind not in "[O":
        return [f"alt-{kind}"] if kind != "\r" else ["\n"]
    number, _, modifier = sequence[2:-1].partition(";")
    name = _NUMBERS.get(number) if last == "~" else _LETTERS.get(last)
    if name is None:
        return []
    control = modifier in ("3", "5") and name in ("left", "right")
    return [f"ctrl-{name}" if control else name]
