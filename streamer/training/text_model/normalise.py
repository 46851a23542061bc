"""From printed English to words as they are spoken, with one mark at most after each.

A paragraph becomes a line such as ``Mister Smith went to London, didn't he? Yes.``: words of
letters and apostrophes in their printed case, numbers and abbreviations spelled out, and one of
``, . ? ! :`` after a word. Quotation marks go, as nobody says them; so a small letter may follow
``?`` and ``!`` ("Who? he asked."), but never a full stop.
"""

from __future__ import annotations

import re
import unicodedata

from streamer.training.language.normalisation import normalise

#: Marks that the model learns; semicolons and dashes become commas.
MARKS = ",.?!:"
#: Stands before a word whose capital says nothing: the first of a quotation inside a sentence.
UNSURE = "^"

_FOLDED = str.maketrans(
    {"’": "'", "‘": "'", "`": "'", "´": "'", "“": '"', "”": '"', "—": "--", "–": "-", "…": "..."}
)
_NOTES = re.compile(r"\[[^\]]*\]|<[^>]*>|\{[^}]*\}")
_DASH = re.compile(r"\s*-{2,}\s*")
_ELLIPSIS = re.compile(r"\s*\.(?:\s?\.)+")
_TOKEN = re.compile(r"""^([("'*_]*)(.*?)([)"'*_.,;:?!…]*)$""")
_WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*'?$")
_LETTERS = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]?$")
_ROMAN = re.compile(r"[IVXLC]{2,}$")
_TITLES = {
    "mr": "mister", "mrs": "missus", "dr": "doctor", "st": "saint", "messrs": "messieurs",
    "capt": "captain", "col": "colonel", "gen": "general", "lieut": "lieutenant",
    "prof": "professor", "rev": "reverend", "hon": "honorable", "sr": "senior", "jr": "junior",
}  # fmt: skip
_CURRENCIES = {"$": "dollars", "£": "pounds", "€": "euros"}
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)$")
_NUMBER = re.compile(r"([$£€]?)(\d[\d,]*(?:\.\d+)?(?:st|nd|rd|th)?)(%?)$")
#: A line of print with more capitals than this is a heading, or a play.
_MOST_CAPITALS = 0.3


def written_line(paragraph: str) -> str | None:
    """Return a paragraph as a line of the corpus, or None where it does not become plain speech.

    Args:
        paragraph: printed text; line breaks may stand anywhere.
    """
    text = _NOTES.sub(" ", paragraph.translate(_FOLDED))
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    text = _ELLIPSIS.sub("… ", _DASH.sub(" -- ", text))
    line = _Line()
    for token in text.split():
        if not line.add(token):
            return None
    return line.finished()


class _Line:
    """The words and marks of one paragraph."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.marks: list[str] = []
        # Whether the capital of each word says nothing, being the first of a quotation.
        self.unsure: list[bool] = []
        self._capitals = 0

    def add(self, token: str) -> bool:
        """Take what stands between two spaces; false where it cannot be spoken."""
        if token in ("--", "-", "*", "_", '"', "'"):
            if token == "--":
                self._mark(",")
            return True
        found = _TOKEN.match(token)
        if found is None:
            return False
        opening, core, trail = found.groups()
        if not core:
            self._mark_of(trail)
            return True
        spelled = self._spelled(core, trail)
        if spelled is None:
            return False
        words, trail = spelled
        quoted = bool(set(opening) & set("\"'")) and bool(self.words)
        if "(" in opening:
            self._mark(",")
        for position, word in enumerate(words):
            self._capitals += len(word) > 1 and word.isupper()
            self.words.append(word)
            self.marks.append("")
            self.unsure.append(quoted and position == 0)
        self._mark_of(trail)
        return True

    def finished(self) -> str | None:
        """Return the line, or None where it is a heading, a verse or a fragment."""
        if (
            not self.words
            or self.marks[-1] not in (".", "?", "!", ":")
            or not self.words[0][0].isupper()
        ):
            return None
        if self._capitals > max(1.0, _MOST_CAPITALS * len(self.words)):
            return None
        first = self.words[0]
        if len(first) > 1 and first.isupper():  # chapters begin in small capitals
            self.words[0] = first.capitalize()
        tokens = []
        for position, (word, mark) in enumerate(zip(self.words, self.marks)):
            last = position + 1 == len(self.words)
            if mark == "." and not last and self.words[position + 1][0].islower():
                mark = ""  # an abbreviation
            begins = position == 0 or self.marks[position - 1] in (".", "?", "!")
            unsure = self.unsure[position] and not begins and word[0].isupper()
            self.marks[position] = mark
            tokens.append(f"{UNSURE if unsure else ''}{word}{mark}")
        return " ".join(tokens)

    def _spelled(self, core: str, trail: str) -> tuple[list[str], str] | None:
        """Return the spoken words of a token, and the marks behind it that still hold."""
        lower = core.lower()
        if lower in _TITLES and (trail.startswith(".") or core[0].isupper()):
            word = _TITLES[lower]
            return [word.capitalize() if core[0].isupper() else word], trail.replace(".", "", 1)
        if any(c.isdigit() for c in core):
            words = _say_number(core)
            return (words, trail) if words else None
        if core == "&":
            return ["and"], trail
        if lower in ("i.e", "e.g", "viz", "vs", "cf"):
            return None
        if _LETTERS.match(core) or (
            len(core) == 1 and core.isupper() and core not in "IAO" and trail == "."
        ):
            return list(core.replace(".", "")), trail.replace(".", "", 1)
        words = [part.strip("'") for part in core.split("-")]
        if not all(words) or not all(_WORD.match(word) for word in words) or _ROMAN.match(core):
            return None
        return words, trail

    def _mark_of(self, trail: str) -> None:
        for c in trail:
            if c in "…;)":
                self._mark(",")
            elif c in MARKS:
                self._mark(c)

    def _mark(self, mark: str) -> None:
        """Put a mark after the last word; the first holds, but a comma gives way to any."""
        if self.marks and self.marks[-1] in ("", ","):
            self.marks[-1] = mark


def _say_number(core: str) -> list[str] | None:
    clock = _CLOCK.match(core)
    if clock:
        hours, minutes = clock.groups()
        parts = [hours] if minutes == "00" else [hours, minutes]
        between = " oh " if minutes[0] == "0" and minutes != "00" else " "
        return normalise(between.join(part.lstrip("0") or "0" for part in parts)).split()
    number = _NUMBER.match(core)
    if number is None:
        return None
    currency, digits, percent = number.groups()
    words = normalise(digits).split()
    if currency:
        words.append(_CURRENCIES[currency][:-1] if digits == "1" else _CURRENCIES[currency])
    return words + ["percent"] * bool(percent)
