"""Spoken numbers to digits, with the library text2num."""

from __future__ import annotations

from typing import Callable

from streamer.errors import UsageError

#: Replaces the spoken numbers in a text by digits.
NumberWriter = Callable[[str], str]


def create_number_writer(language: str = "en") -> NumberWriter:
    """Return a function that writes "twenty five apples" as "25 apples".

    Small numbers on their own stay words: "one of them".

    Args:
        language: a two-letter code that text2num supports.

    Raises:
        UsageError: the library is missing or does not support the language.
    """
    try:
        from text_to_num import alpha2digit
    except ImportError as error:
        raise UsageError(
            "--numbers needs the library text2num",
            "install it: pip install text2num",
        ) from error

    def write_numbers(text: str) -> str:
        return str(alpha2digit(text, language))

    try:
        write_numbers("one")
    except Exception as error:  # the type differs between versions of the library
        raise UsageError(
            f"--numbers does not support the language {language!r}",
            "leave it out",
        ) from error
    return write_numbers
