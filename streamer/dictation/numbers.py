"""Spoken numbers to digits, by the library text2num (extra ``dictation``)."""

from __future__ import annotations

from typing import Callable

from streamer.errors import UsageError

#: Turns the numbers in plain words into digits.
NumberWriter = Callable[[str], str]


def create_number_writer(language: str = "en") -> NumberWriter:
    """Return a function that writes "twenty five apples" as "25 apples".

    Small numbers that stand alone stay words: "one of them".

    Args:
        language: two letters, one that text2num knows.

    Raises:
        UsageError: the library is not installed or does not know the language.
    """
    try:
        from text_to_num import alpha2digit
    except ImportError as error:
        raise UsageError(
            "numbers in digits need the library text2num",
            "install it: pip install 'streamer[dictation]'",
        ) from error

    def write_numbers(text: str) -> str:
        return str(alpha2digit(text, language))

    try:
        write_numbers("one")
    except Exception as error:  # of which kind differs between the library's versions
        raise UsageError(
            f"numbers in digits are not there for the language {language!r}",
            "leave out --numbers",
        ) from error
    return write_numbers
