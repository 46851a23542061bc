"""What is done to words.

No NumPy here: settings are made before it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamer.errors import UsageError
from streamer.text.numbers.span import DateStyle

if TYPE_CHECKING:
    from streamer.text.replacements import Replacements


@dataclass(frozen=True)
class WritingOptions:
    """What is done to words.

    Attributes:
        punctuation: marks and capitals.
        numbers: digits.
        date_style: order of day and month.
        fillers: um, uh and repeated words; otherwise they are left out.
        mask: profanity as its first letter and stars.
        replacements: what the user wants written for certain words.
    """

    punctuation: bool = True
    numbers: bool = True
    date_style: DateStyle = DateStyle.DMY
    fillers: bool = True
    mask: bool = False
    replacements: Replacements | None = None


#: Words as they are spoken.
VERBATIM = WritingOptions(punctuation=False, numbers=False)


def writing_options(
    verbatim: bool = False,
    punctuation: bool = True,
    numbers: bool = True,
    date_style: str = "dmy",
    fillers: bool = True,
    mask: bool = False,
    replacements: Mapping[str, str] | Replacements | None = None,
) -> WritingOptions:
    """Return options from the switches that programs and people give.

    Args:
        verbatim: no marks, capitals, numbers or replacements, and all fillers, whatever the
            others say.
        punctuation: marks and capitals.
        numbers: digits.
        date_style: ``dmy`` or ``mdy``.
        fillers: um, uh and repeated words.
        mask: profanity as its first letter and stars.
        replacements: what the user wants written for certain words.

    Raises:
        UsageError: there is no such `date_style`, or a replacement is not valid.
    """
    try:
        style = DateStyle(date_style)
    except ValueError:
        styles = " or ".join(each.value for each in DateStyle)
        raise UsageError(f"there is no date style {date_style!r}", f"use {styles}") from None
    if isinstance(replacements, Mapping):
        from streamer.text.replacements import Replacements

        replacements = Replacements(replacements)
    return WritingOptions(
        punctuation=punctuation and not verbatim,
        numbers=numbers and not verbatim,
        date_style=style,
        fillers=fillers or verbatim,
        mask=mask,
        replacements=None if verbatim else replacements,
    )
