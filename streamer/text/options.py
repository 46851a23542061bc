"""What is done to words.

No NumPy here: settings are made before it is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

from streamer.errors import UsageError
from streamer.text.numbers.span import DateStyle


@dataclass(frozen=True)
class WritingOptions:
    """What is done to words.

    Attributes:
        punctuation: marks and capitals.
        numbers: digits.
        date_style: order of day and month.
    """

    punctuation: bool = True
    numbers: bool = True
    date_style: DateStyle = DateStyle.DMY


#: Words as they are spoken.
VERBATIM = WritingOptions(punctuation=False, numbers=False)


def writing_options(
    verbatim: bool = False,
    punctuation: bool = True,
    numbers: bool = True,
    date_style: str = "dmy",
) -> WritingOptions:
    """Return options from the switches that programs and people give.

    Args:
        verbatim: no marks, capitals or numbers, whatever the others say.
        punctuation: marks and capitals.
        numbers: digits.
        date_style: ``dmy`` or ``mdy``.

    Raises:
        UsageError: there is no such `date_style`.
    """
    try:
        style = DateStyle(date_style)
    except ValueError:
        styles = " or ".join(each.value for each in DateStyle)
        raise UsageError(f"there is no date style {date_style!r}", f"use {styles}") from None
    return WritingOptions(punctuation and not verbatim, numbers and not verbatim, style)
