"""``--type``: dictated text goes to the focused window."""

from __future__ import annotations

from typing import Callable

from streamer.dictation.clipboard import Clipboard
from streamer.dictation.secure_input import has_secure_input
from streamer.dictation.virtual_keyboard import VirtualKeyboard
from streamer.errors import OutputError
from streamer.events import Event
from streamer.output.edit import Edit
from streamer.output.worker import DRAIN_LIMIT_S, Worker

#: X11's number of the window that has the focus where none has.
_NO_WINDOW = "0"


class Typist:
    """Types the edits of dictation into the focused window, in a background thread.

    What could not be typed goes to the clipboard. Corrections are only made in the window
    that has the text: backspaces in another one would delete something else.

    Args:
        keyboard: sends the keys.
        warn: called once, in the thread, if typing fails.
        enter: whether line breaks become the Enter key; otherwise, spaces.
        focused_program: returns the program that gets the keys, if known.
        focused_window: returns something that names the window itself, if known.
        say: called in the thread with a line that names that program, whenever it is another.
        clipboard: gets what could not be typed; None for nowhere.
        has_secure_input: whether keys would be swallowed now.
    """

    def __init__(
        self,
        keyboard: VirtualKeyboard,
        warn: Callable[[str], None],
        *,
        enter: bool = True,
        focused_program: Callable[[], str | None] = lambda: None,
        focused_window: Callable[[], str | None] = lambda: None,
        say: Callable[[str], None] = lambda line: None,
        clipboard: Clipboard | None = None,
        has_secure_input: Callable[[], bool] = has_secure_input,
    ) -> None:
        self._keyboard = keyboard
        self._warn = warn
        self._enter = enter
        self._focused_program = focused_program
        self._focused_window = focused_window
        self._say = say
        self._clipboard = clipboard
        self._has_secure_input = has_secure_input
        self._program: str | None = None
        self._window: str | None = None
        self._untyped = ""
        self._warned: set[str] = set()
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
        delete = edit.delete
        if self._untyped:  # the end of the text is on the clipboard
            kept = self._untyped[: max(0, len(self._untyped) - delete)]
            delete -= len(self._untyped) - len(kept)
            self._untyped = kept
        text = printable(edit.insert if self._enter else edit.insert.replace("\n", " "))
        try:
            self._name_program()
            self._look_at_window(delete)
            if delete:
                self._keyboard.backspace(delete)
            if text:
                self._keyboard.type_text(text)
            self._untyped = ""
        except Exception as error:  # of any library: typing never ends recognition
            self._keep(text, str(error))

    def _look_at_window(self, delete: int) -> None:
        """Note which window has the focus.

        Raises:
            OutputError: none has it, no key would arrive, or the text to delete is in
                another one.
        """
        if self._has_secure_input():
            raise OutputError("a password field takes all keys (secure input)", "leave it")
        window, before = self._focused_window(), self._window
        if window == _NO_WINDOW:
            raise OutputError("no window has the focus", "click into one")
        self._window = window or before
        if delete and window and before and window != before:
            raise OutputError("a correction belongs to another window", "make it there by hand")

    def _keep(self, text: str, why: str) -> None:
        """Put a text that could not be typed on the clipboard, and say so once."""
        self._untyped += text
        where = ""
        if self._clipboard is not None and self._untyped:
            try:
                self._clipboard.copy(self._untyped)
                where = "; the text is on the clipboard"
            except OutputError as error:
                where = f"; {error}"
        if why not in self._warned:
            self._warned.add(why)
            self._warn(f"--type: {why}{where}; further failures of this kind are not reported")

    def _name_program(self) -> None:
        program = self._focused_program()
        if program is not None and program != self._program:
            self._program = program
            self._say(f"typing into {program}")


def printable(text: str) -> str:
    """Remove control characters except line breaks and tabs: as keys they have effects."""
    return "".join(c for c in text if c in "\n\t" or c.isprintable())
