"""Permission for ``--type``, asked once: keys go to any window that has the focus."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Callable, Optional, TextIO

from streamer.cli.support.messages import warn
from streamer.errors import UsageError
from streamer.private_files import make_private_folder, private_opener

_FILE = "typing-allowed"


def require_permission(
    allowed: bool,
    enter: bool,
    focused_program: Callable[[], Optional[str]],
    folder: Optional[Path] = None,
    answers: Optional[TextIO] = None,
    questions: Optional[TextIO] = None,
) -> None:
    """Return if the user allows typing, now or earlier; the answer yes is remembered.

    Args:
        allowed: whether an option or the config file says so.
        enter: whether line breaks become the Enter key.
        focused_program: returns the program that has the focus, if known.
        folder: where a permission is remembered; None for the user's state folder.
        answers: replaces standard input.
        questions: replaces standard error.

    Raises:
        UsageError: the user says no, or is not there to be asked.
    """
    if allowed:
        return
    file = (_state_folder() if folder is None else folder) / _FILE
    if file.exists():
        return
    answers = sys.stdin if answers is None else answers
    questions = sys.stderr if questions is None else questions
    if answers is None or questions is None or not (answers.isatty() and questions.isatty()):
        raise UsageError(
            "--type has not been allowed on this machine",
            "run it once in a terminal and answer yes, or add --allow-typing",
        )
    questions.write(question(enter, focused_program()))
    questions.flush()
    if answers.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("typing is not allowed", "run it without --type, or answer y")
    _remember(file)


def question(enter: bool, program: Optional[str]) -> str:
    """Return what to ask before the first typing."""
    now = f" (now: {program})" if program else ""
    effect = (
        '"New line" presses Enter there, which sends a message or runs a command; --no-enter'
        " types a space instead."
        if enter
        else "Line breaks are typed as spaces (--no-enter)."
    )
    return (
        f"--type sends what is said as keys to whatever window has the focus{now}.\n"
        f"{effect}\n"
        "Allow this from now on? [y/N] "
    )


def _remember(file: Path) -> None:
    try:
        make_private_folder(file.parent)
        with open(file, "w", encoding="utf-8", opener=private_opener) as stream:
            stream.write("remove this file to be asked again before --type\n")
    except OSError as error:
        warn(f"the answer cannot be remembered: {file} ({error.strerror})")


def _state_folder() -> Path:
    from platformdirs import user_state_path

    return user_state_path("streamer", appauthor=False)
