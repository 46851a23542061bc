"""Styles and glyphs of the live view, for dark, light and unknown backgrounds.

Words keep the terminal's own colour, so they are readable on any background. There
is one accent; grey is for what may still change and for facts that need no attention,
yellow for warnings, red for loss. Words and attributes carry each meaning too, so it
survives NO_COLOR.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from streamer.terminal.drawing.style import Style


@dataclass(frozen=True)
class Glyphs:
    """Characters drawn besides the words; each of one column, but for the ASCII ellipsis."""

    ellipsis: str
    dot: str
    pause: str
    spinner: str
    bar: str
    part_bars: str
    no_bar: str
    left: str
    right: str
    separator: str
    prompt: str


#: For terminals with UTF-8.
UNICODE = Glyphs(
    ellipsis="…",
    dot="●",
    pause="‖",
    spinner="⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏",
    bar="█",
    part_bars="▏▎▍▌▋▊▉",
    no_bar="·",
    left="▕",
    right="▏",
    separator=" · ",
    prompt="›",
)

#: For all others.
ASCII = Glyphs(
    ellipsis="...",
    dot="*",
    pause="=",
    spinner="|/-\\",
    bar="#",
    part_bars="",
    no_bar="-",
    left="[",
    right="]",
    separator=" | ",
    prompt=">",
)


@dataclass(frozen=True)
class Theme:
    """A style for each kind of text.

    Attributes:
        text: words that are final or stable.
        tail: words that may still change.
        quiet: times, and facts that need no attention.
        accent: the mark of speech, the level.
        track: ground of the whole level meter, so that its frame is seen.
        strong: keys in the help.
        warning: warnings, and what they are about.
        loss: lost sound.
        unsure: added to words of low confidence.
        cursor: the place where the next character goes while editing.
        found: what was looked for.
        glyphs: characters drawn besides the words.
    """

    text: Style
    tail: Style
    quiet: Style
    accent: Style
    track: Style
    strong: Style
    warning: Style
    loss: Style
    unsure: Style
    cursor: Style
    found: Style
    glyphs: Glyphs = UNICODE


#: 256 colours by background: tail, quiet, accent, warning, loss. Against black or white the tail,
#: which is read all the time, has a contrast of at least 6 : 1, the others of 4.5 : 1; the
#: neutral ones are readable on both.
_COLOURS: Mapping[str, tuple[int, int, int, int, int]] = {
    "dark": (248, 245, 79, 221, 203),
    "light": (241, 243, 29, 130, 160),
    "neutral": (244, 244, 36, 172, 167),
}
#: The ground of the meter; none on a background that is unknown.
_TRACKS: Mapping[str, int] = {"dark": 238, "light": 253}

#: Terminals of 256 colours whatever their name says: no xterm has had fewer for many years.
_RICH = ("xterm", "alacritty", "foot", "wezterm", "tmux")
_POOR = ("16color", "88color", "mono", "vt220")

#: Values of ``--theme``; None chooses by the terminal.
THEMES = ("dark", "light", "none")


def make_theme(background: str, depth: int, glyphs: Glyphs = UNICODE) -> Theme:
    """Return the theme for a terminal.

    Args:
        background: "dark", "light" or "neutral".
        depth: number of colours: 256, 16, or 0 for attributes only.
        glyphs: characters drawn besides the words.
    """
    track = ""
    if depth >= 256:
        tail, quiet, accent, warning, loss = (f"38;5;{code}" for code in _COLOURS[background])
        if background in _TRACKS:
            track = f"48;5;{_TRACKS[background]}"
    else:
        tail = quiet = "2"
        accent, warning, loss = "1", "1", "1"
        if depth >= 16:
            accent, warning, loss = "36" if background == "light" else "32", "33", "31"
    return Theme(
        text="",
        tail=tail,
        quiet=quiet,
        accent=accent,
        track=track,
        strong="1",
        warning=warning,
        loss=loss if depth == 0 else f"1;{loss}",
        unsure="4",
        cursor="7",
        found="7",
        glyphs=glyphs,
    )


def colour_depth(environment: Mapping[str, str] = os.environ) -> int:
    """Return how many colours a terminal has: 256, 16 or 0 (NO_COLOR, monochrome)."""
    if environment.get("NO_COLOR"):
        return 0
    if sys.platform == "win32" or environment.get("COLORTERM") in ("truecolor", "24bit"):
        return 256
    term = environment.get("TERM", "")
    if "256color" in term or (term.startswith(_RICH) and not term.endswith(_POOR)):
        return 256
    return 0 if term.startswith("vt") else 16


def background_of(environment: Mapping[str, str] = os.environ) -> str:
    """Return the background by COLORFGBG: "light", "dark" or, where it is not set, "neutral"."""
    last = environment.get("COLORFGBG", "").rpartition(";")[2]
    if not last.isdigit():
        return "neutral"
    # rxvt's palette: 7 and 9 to 15 are light, 8 (bright black) and the rest dark.
    return "light" if int(last) == 7 or 9 <= int(last) <= 15 else "dark"


def choose_theme(
    encoding: str,
    name: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Theme:
    """Return the theme for a terminal.

    Args:
        encoding: of the terminal's stream; without UTF, glyphs are ASCII.
        name: one of `THEMES`, or None: by the environment.
        environment: variables of the environment.
    """
    utf = encoding.lower().replace("_", "-").startswith("utf")
    return make_theme(
        name if name and name in _COLOURS else background_of(environment),
        0 if name == "none" else colour_depth(environment),
        UNICODE if utf else ASCII,
    )
