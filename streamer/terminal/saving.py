"""Saving the transcript from the live view."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Callable

from streamer.errors import OutputError, system_reason
from streamer.private_files import private_opener
from streamer.terminal.times import format_time
from streamer.terminal.view_state import ViewState


def save_transcript(
    text: str, folder: Path, now: Callable[[], time.struct_time] = time.localtime
) -> Path:
    """Write a transcript to a new private file named after the current time.

    Args:
        text: the transcript, without a trailing line break.
        folder: the folder to write to.
        now: returns the local time.

    Returns:
        The path of the file, ``streamer-YYYYMMDD-HHMMSS.txt``, with ``-2`` and so
        on appended if that exists; no file is ever overwritten.

    Raises:
        OutputError: the file cannot be written.
    """
    stem = time.strftime("streamer-%Y%m%d-%H%M%S", now())
    number = 1
    while True:
        path = folder / (f"{stem}.txt" if number == 1 else f"{stem}-{number}.txt")
        try:
            with open(path, "x", encoding="utf-8", newline="\n", opener=private_opener) as file:
                file.write(text + "\n")
            return path
        except FileExistsError:
            number += 1
        except OSError as error:
            reason = system_reason(error)
            raise OutputError(
                f"cannot write {path} ({reason})",
                "start streamer in a folder that you can write to",
            ) from error


def count_lines(state: ViewState) -> str:
    """Return "1 line", "2 lines": the length of the transcript."""
    count = len(state.finals)
    return f"{count} line{'' if count == 1 else 's'}"


def farewell(state: ViewState, separator: str) -> str:
    """Return the last line of a session: how much was said, and where it is now.

    Empty where the view is not the place of the transcript: for recordings, or without keys.

    Args:
        state: what is shown.
        separator: stands between its parts.
    """
    info = state.info
    if not info.microphone or not state.opened or not (state.keys or info.saved_in):
        return ""
    if not state.finals:
        return f"nothing was said{separator}{format_time(state.time)}" if state.time else ""
    if info.saved_in:
        where = f"written to {info.saved_in}"
    elif state.saved is None:
        where = f"s would have saved {'it' if len(state.finals) == 1 else 'them'}"
    elif state.saved[1] == len(state.finals):
        where = f"saved in {state.saved[0]}"
    else:
        where = f"the first {state.saved[1]} saved in {state.saved[0]}"
    return separator.join([count_lines(state), format_time(state.time), where])
