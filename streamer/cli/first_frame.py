"""The first frame of the live view, on the screen before anything large is imported.

Importing the command line takes a third of a second, the model a second. So a start that
will end in the live view draws its first frame here, with nothing but `os` and `sys`; the
view takes over where the cursor stands. If there is none after all (an error, plain
lines), the frame is erased before anything else is printed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any, Optional

#: Options after which nothing or something else is shown.
_NOT_LIVE = frozenset(["-h", "--help", "--help-all", "--version", "--plain", "--stdout", "--type"])
_DUMB = ("", "dumb", "unknown")
#: Variables that make the output plain; see `streamer.cli.support.environment`.
_PLAIN_VARIABLES = ("ACCESSIBLE", "STREAMER_PLAIN", "STREAMER_STDOUT", "STREAMER_FORMAT")

_shown: Optional[int] = None  # descriptor of the terminal that the frame is on


def show(arguments: Sequence[str]) -> None:
    """Draw the first frame, if the arguments are those of a live view on a terminal."""
    global _shown
    if _shown is not None or not _is_live(arguments) or not _is_able():
        return
    _shown = 2
    if sys.platform != "win32":
        for number in (*_deadly(), signal.SIGTSTP):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _stopped if number == signal.SIGTSTP else _ended)
    _draw()


def take_over() -> None:
    """Leave the frame to the live view, which has drawn over it."""
    global _shown
    _shown = None
    _restore_signals()


def erase() -> None:
    """Erase the frame, if it is there."""
    global _shown
    if _shown is not None:
        descriptor, _shown = _shown, None
        _restore_signals()
        _write(descriptor, "\r\x1b[J")


def _draw() -> None:
    if _shown is not None:
        _write(_shown, frame(os.get_terminal_size(_shown).columns))


def _write(descriptor: int, text: str) -> None:
    with contextlib.suppress(OSError):  # the terminal is gone
        os.write(descriptor, text.encode())


def frame(columns: int) -> str:
    """Return the frame; the cursor ends where it began.

    The same as the first one of the live view, without its colours.
    """
    if columns < 40:
        return ""
    meter = "·" * (8 if columns >= 60 else 4)
    rows = ["", "  loading the model", "", f"  ⠋ loading    0:00  mic▕{meter}▏"]
    return "\n".join(f"\x1b[2m{row}\x1b[0m" if row else "" for row in rows) + "\x1b[3A\r"


def _is_live(arguments: Sequence[str]) -> bool:
    words = {argument.partition("=")[0] for argument in arguments}
    if words & _NOT_LIVE or any(word.startswith("--format") for word in words):
        return False
    first = next((argument for argument in arguments if not argument.startswith("-")), "")
    if arguments and arguments[0] in ("listen", "demo"):
        return True
    if first and arguments[0] == first:
        return first == "transcribe" and "--realtime" in words
    # Options first: what follows may be a command, a recording or a value. The frame is
    # erased again where it was wrong.
    return not any(os.path.exists(word) for word in arguments)


def _is_able() -> bool:
    """Whether both streams are terminals that know UTF-8 and can move the cursor."""
    environment = os.environ
    if any(environment.get(name) for name in _PLAIN_VARIABLES):
        return False
    if sys.platform != "win32" and environment.get("TERM", "") in _DUMB:
        return False
    encoding = getattr(sys.stderr, "encoding", "") or ""
    try:
        return encoding.lower().startswith("utf") and os.isatty(1) and os.isatty(2)
    except OSError:
        return False


def _deadly() -> list[int]:
    """Return the signals that end a program and that people, shells and systems send."""
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
    return [int(getattr(signal, name)) for name in names if hasattr(signal, name)]


def _restore_signals() -> None:
    """Give signals their default actions again, where nothing else has taken them."""
    if sys.platform != "win32":
        for number in (*_deadly(), signal.SIGTSTP):
            if signal.getsignal(number) in (_ended, _stopped):
                signal.signal(number, signal.SIG_DFL)


def _ended(number: int, _: Optional[FrameType]) -> Any:
    """Erase the frame, then end as the signal ends any program."""
    erase()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _stopped(number: int, _: Optional[FrameType]) -> Any:
    """Erase the frame, stop, and draw it again where the shell has left the cursor."""
    if _shown is not None:
        _write(_shown, "\r\x1b[J")
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    signal.signal(number, _stopped)
    _draw()
