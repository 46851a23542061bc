"""``--type``: dictated text goes to the focused window."""

from __future__ import annotations

from typing import Callable

from streamer.dictation.virtual_keyboard import VirtualKeyboard
from streamer.events import Event
from streamer.output.edit import Edit
from streamer.output.worker import DRAIN_LIMIT_S, Worker


class Typist:
    """Types the edits of dictation into the focused window, in a background thread.

    Args:
        keyboard: sends the keys.
        warn: called once, in the thread, if typing fails.
        enter: whether line breaks become the Enter key; otherwise, spaces.
        focused_program: returns the program that gets the keys, if known.
        say: called in the thread with a line that names that program, whenever it is another.
    """

    def __init__(
        self,
        keyboard: VirtualKeyboard,
        warn: Callable[[str], None],
        *,
        enter: bool = True,
        focused_program: Callable[[], str | None] = lambda: None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._keyboard = keyboard
        self._warn = warn
        self._enter = enter
        self._focused_program = focused_program
        self._say = say
        self._program: str | None = None
        self._warned = False
        self._worker: Worker[Edit] = Worker("typing", self._type)

    def write(self, item: Event | Edit) -> None:
        """Queue an edit; returns at once."""
        if isinstance(item, Edit):
            self._worker.put(item)

    def close(self, limit_s: float = DRAIN_LIMIT_S) -> None:
        """Wait up to ``limit_s`` seconds for queued edits. May be called twice."""
        left = self._worker.close(limit_s)
        if left:
            self._warn(f"--type: {left} edits could not be typed in time")

    def _type(self, edit: Edit) -> None:
        try:
            self._name_program()
            if edit.delete:
                self._keyboard.backspace(edit.delete)
            text = printable(edit.insert if self._enter else edit.insert.replace("\n", " "))
            if text:
                self._keyboard.type_text(text)
        except Exception as error:  # of any library: typing never ends recognition
            if not self._warned:
                self._warned = True
                self._warn(f"--type: {error}; further failures are not reported")

    def _name_program(self) -> None:
        program = self._focused_program()
        if program is not None and program != self._program:
            self._program = program
            self._say(f"typing into {program}")


def printable(text: str) -> str:
    """Remove control characters except line breaks and tabs: as keys they have effects."""
    return "".join(c for c in text if c in "\n\t" or c.isprintable())
