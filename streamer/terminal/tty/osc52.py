"""Copying with OSC 52: the terminal puts the text on its clipboard, even over ssh.

The sequence is ``ESC ] 52 ; c ; base64 BEL``, as described in xterm's "Control
Sequences". Terminal multiplexers do not forward it unless it is wrapped.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping

from streamer.errors import OutputError

#: The longest sequence that common terminals accept, in characters of base64
#: (hterm and libvte read up to about 75,000; xterm accepts more).
MAX_BASE64 = 74_994
#: screen accepts device control strings of up to 768 bytes; this is well below.
SCREEN_PIECE = 512

_ESC = "\x1b"
_BEL = "\x07"
_ST = _ESC + "\\"


def copy_sequence(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return the sequence that makes a terminal copy a text.

    Args:
        text: the text to copy.
        environment: shows whether tmux (TMUX) or screen (STY) is running.

    Raises:
        OutputError: the text is longer than terminals accept.
    """
    payload = base64.b64encode(text.encode("utf-8")).decode("ascii")
    if len(payload) > MAX_BASE64:
        raise OutputError(
            "the transcript is too long for the clipboard of a terminal", "save it with s"
        )
    plain = f"{_ESC}]52;c;{payload}{_BEL}"
    if environment.get("TMUX"):
        # tmux accepts the plain form with `set-clipboard on` and forwards the wrapped
        # one with `allow-passthrough on`; the program cannot tell which is set.
        return plain + f"{_ESC}Ptmux;{plain.replace(_ESC, _ESC + _ESC)}{_ST}"
    if environment.get("STY"):
        pieces = [plain[i : i + SCREEN_PIECE] for i in range(0, len(plain), SCREEN_PIECE)]
        return "".join(f"{_ESC}P{piece}{_ST}" for piece in pieces)
    return plain
