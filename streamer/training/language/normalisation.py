"""Text normalisation for English: sentences of a-z, apostrophe and space.

The rules follow LibriSpeech's transcripts: one sentence per line, no punctuation, titles and
numbers written out, accents removed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from re import Match

from streamer.errors import StreamerError

_TITLES = {
    "mr": "mister",
    "mrs": "missus",
    "dr": "doctor",
    "st": "saint",
    "messrs": "messieurs",
    "capt": "captain",
    "col": "colonel",
    "gen": "general",
    "lieut": "lieutenant",
    "prof": "professor",
    "rev": "reverend",
    "hon": "honorable",
    "etc": "et cetera",
    "vol": "volume",
    "no": "number",
}
#: "no." is a number only before digits; a sentence may end with the word.
_TITLE = re.compile(
    r"\b(" + "|".join(key for key in _TITLES if key != "no") + r")\.|\b(no)\. ?(?=\d)", re.I
)
_PUNCTUATION = str.maketrans({"’": "'", "‘": "'", "`": "'", "“": '"', "”": '"', "—": " -- "})
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+|[;:]\s+|\s*--+\s*|\n\s*\n")
_INITIAL = re.compile(r"\b([A-Z])\.(?=\s*[A-Z])")
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(st|nd|rd|th)?\b")
_UNSPOKEN = re.compile(r"[^a-z' ]+")
_LOOSE_APOSTROPHE = re.compile(r"(?<![a-z])'+|'+(?![a-z])")
_YEARS = range(1100, 2000)


def _number_words(match: Match[str]) -> str:
    try:
        from num2words import num2words  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        raise StreamerError(
            "the text holds digits and the package num2words is not installed",
            "pip install num2words",
        ) from error
    digits = match.group(0).replace(",", "")
    ordinal = match.group(1)
    if ordinal:
        digits = digits[: -len(ordinal)]
    if len(digits) > 12:
        return " ".join(num2words(int(digit)) for digit in digits if digit.isdigit())
    value = float(digits) if "." in digits else int(digits)
    if ordinal:
        words = num2words(int(value), to="ordinal")
    elif isinstance(value, int) and value in _YEARS and "," not in match.group(0):
        words = num2words(value, to="year")
    else:
        words = num2words(value)
    return f" {words} "


def normalise(sentence: str) -> str:
    """Return a sentence as it is spoken: a-z, apostrophe and single spaces.

    Args:
        sentence: any text.

    Raises:
        StreamerError: it has digits, and num2words is not installed.
    """
    text = sentence.translate(_PUNCTUATION)
    text = _TITLE.sub(lambda m: _TITLES[(m.group(1) or m.group(2)).lower()] + " ", text)
    text = _NUMBER.sub(_number_words, text)
    text = text.replace("&", " and ")
    folded = unicodedata.normalize("NFKD", text)
    text = "".join(c for c in folded if not unicodedata.combining(c)).lower()
    text = _UNSPOKEN.sub(" ", text)
    return " ".join(_LOOSE_APOSTROPHE.sub(" ", text).split())


def split_sentences(text: str) -> Iterator[str]:
    """Yield the normalised sentences of a running text, without empty ones.

    Args:
        text: paragraphs separated by blank lines; lines may be wrapped.
    """
    text = _TITLE.sub(
        lambda m: _TITLES[(m.group(1) or m.group(2)).lower()] + " ", text.translate(_PUNCTUATION)
    )
    text = _INITIAL.sub(r"\1", text)
    for part in _SENTENCE_END.split(text):
        line = normalise(part.replace("\n", " ")) if part else ""
        if line:
            yield line
