"""Styles and glyphs of the live view, for light, dark and unknown backgrounds.

Text keeps the terminal's colours, so it is readable on any background. Attributes
(dim, bold, underlined) and words carry the meaning as well as colours do, so it
survives NO_COLOR.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from rich.style import Style


@dataclass(frozen=True)
class Glyphs:
    """Characters drawn besides the words."""

    ellipsis: str
    dot: str
    pause: str
    bar: str
    part_bars: str
    no_bar: str
    left: str
    right: str
    separator: str
    undone: str


#: For terminals with UTF-8. Each glyph is one column wide.
UNICODE = Glyphs(
    ellipsis="…",
    dot="●",
    pause="‖",
    bar="█",
    part_bars="▏▎▍▌▋▊▉",
    no_bar="·",
    left="▕",
    right="▏",
    separator=" · ",
    undone="↶",
)

#: Glyphs for all others.
ASCII = Glyphs(
    ellipsis="...",
    dot="*",
    pause="||",
    bar="#",
    part_bars="",
    no_bar="-",
    left="[",
    right="]",
    separator=" | ",
    undone="<-",
)


@dataclass(frozen=True)
class Theme:
    """A style for each kind of text.

    Attributes:
        stable: words of a partial that no longer change.
        volatile: words that may still change.
        final: words in the scrollback.
        unsure: added to doubtful words.
        time: the time of a final.
        undone: an undone final.
        quiet: facts of the status line that need no attention.
        good: voice activity.
        loud: level near full scale.
        bad: lost samples, clipping.
        warning: warnings and messages.
        key: a key in the help.
        glyphs: characters drawn besides the words.
        doubtful: words with a lower confidence are doubtful.
    """

    stable: Style
    volatile: Style
    final: Style
    unsure: Style
    time: Style
    undone: Style
    quiet: Style
    good: Style
    loud: Style
    bad: Style
    warning: Style
    key: Style
    glyphs: Glyphs = UNICODE
    doubtful: float = 0.5


#: For an unknown background: only colours that are readable on both.
NEUTRAL = Theme(
    stable=Style(dim=False),  # over the dim of the words after it
    volatile=Style(dim=True),
    final=Style(),
    unsure=Style(underline=True),
    time=Style(dim=True),
    undone=Style(dim=True, strike=True),
    quiet=Style(dim=True),
    good=Style(color="green"),
    loud=Style(color="magenta"),
    bad=Style(color="red", bold=True),
    warning=Style(color="magenta"),
    key=Style(bold=True),
)

#: For light text on a dark background.
DARK = replace(
    NEUTRAL,
    unsure=Style(underline=True, color="yellow"),
    good=Style(color="bright_green"),
    loud=Style(color="bright_yellow"),
    bad=Style(color="bright_red", bold=True),
    warning=Style(color="bright_yellow"),
    key=Style(color="bright_cyan", bold=True),
)

#: For dark text on a light background, where yellow and cyan are not readable.
LIGHT = replace(
    NEUTRAL,
    unsure=Style(underline=True, color="blue"),
    key=Style(color="blue", bold=True),
)

THEMES: Mapping[str, Theme] = {"neutral": NEUTRAL, "dark": DARK, "light": LIGHT}


def background(environment: Mapping[str, str] = os.environ) -> str:
    """Guess whether the background is "light" or "dark" from COLORFGBG, else "neutral".

    The terminal is not queried: a late answer would be read as keys.
    """
    last = environment.get("COLORFGBG", "").rpartition(";")[2]
    if not last.isdigit():
        return "neutral"
    # rxvt's palette: 7 and 9 to 15 are light, 8 (bright black) and the rest dark.
    return "light" if int(last) == 7 or 9 <= int(last) <= 15 else "dark"


def choose_theme(encoding: str, name: str | None = None) -> Theme:
    """Return the theme for a terminal.

    Args:
        encoding: of the terminal's stream; without UTF, glyphs are ASCII.
        name: one of `THEMES`; None chooses by the environment.
    """
    theme = THEMES[name if name is not None else background()]
    if encoding.lower().replace("_", "-").startswith("utf"):
        return theme
    return replace(theme, glyphs=ASCII)
