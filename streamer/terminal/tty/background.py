"""The background colour of a terminal, asked with OSC 11.

The answer, such as ``ESC ] 11 ; rgb:1e1e/1e1e/1e1e BEL``, arrives as input among the keys.
Nothing waits for it: frames are drawn in colours for any background until it is there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

#: How long the answer may take, in seconds. A later one may be meant for someone else.
ANSWER_WITHIN_S = 1.0

QUESTION = "\x1b]11;?\x07"
_ANSWER = re.compile(r"\x1b\]11;rgba?:([0-9a-fA-F]+)/([0-9a-fA-F]+)/([0-9a-fA-F]+)")
#: Terminals that print what they do not know.
_MUTE = ("linux", "vt", "screen", "dumb", "sun", "cons", "ansi")


def may_ask(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether a terminal can be asked: not where the question might be printed."""
    term = environment.get("TERM", "")
    return bool(term) and not term.startswith(_MUTE) and not environment.get("STY")


def background_in(answer: str) -> str | None:
    """Return "dark" or "light" from a terminal's answer; None if it is another one."""
    found = _ANSWER.match(answer)
    if found is None:
        return None
    red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in found.groups())
    # Luma of ITU-R BT.601, good enough to tell dark from light.
    return "light" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "dark"
