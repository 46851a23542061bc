"""The styles and glyphs of the live view, for light and dark backgrounds and for none known.

Text keeps the terminal's own colours, so that it can be read on any background;
meaning is carried by attributes (dim, bold, underlined) and by words as well as
by colour, so that it survives NO_COLOR.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from rich.style import Style

#: Words whose confidence is below this are marked.
LOW_CONFIDENCE = 0.5


@dataclass(frozen=True)
class Glyphs:
    """The characters that are drawn besides the words."""

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


#: Glyphs for terminals that take UTF-8. Each is one column wide.
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
    """How each kind of text looks.

    Attributes:
        stable: words that no longer change.
        volatile: words that may still change.
        final: words in the scrollback.
        unsure: added to words of low confidence.
        time: when a final was said.
        undone: a final that was taken back.
        quiet: facts of the status line that need no attention.
        good: voice activity.
        loud: level near full scale.
        bad: lost samples, clipping.
        warning: what a warning says.
        key: a key in the help.
        glyphs: the characters that are drawn.
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


#: For a background nobody told us about: only colours that can be read on both.
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

#: For dark text on a light background, on which yellow and cyan cannot be read.
LIGHT = replace(
    NEUTRAL,
    unsure=Style(underline=True, color="blue"),
    key=Style(color="blue", bold=True),
)

THEMES: Mapping[str, Theme] = {"neutral": NEUTRAL, "dark": DARK, "light": LIGHT}


def background(environment: Mapping[str, str] = os.environ) -> str:
    """Guess whether the background is "light" or "dark" from COLORFGBG, else "neutral".

    The terminal is not asked: an answer that comes late would be read as keys.
    """
    last = environment.get("COLORFGBG", "").rpartition(";")[2]
    if not last.isdigit():
        return "neutral"
    # rxvt's palette: 7 and 9 to 15 are light, 8 (bright black) and the rest dark.
    return "light" if int(last) == 7 or 9 <= int(last) <= 15 else "dark"


def choose_theme(encoding: str, name: str | None = None) -> Theme:
    """Return the theme for a terminal.

    Args:
        encoding: of the stream to the terminal; glyphs are ASCII unless it is a UTF.
        name: one of `THEMES`; None asks the environment.
    """
    theme = THEMES[name if name is not None else background()]
    if encoding.lower().replace("_", "-").startswith("utf"):
        return theme
    return replace(theme, glyphs=ASCII)
