"""``--type``: dictation goes into the focused window."""

from __future__ import annotations

from typing import Callable

from streamer.dictation.virtual_keyboard import VirtualKeyboard
from streamer.events import Event
from streamer.output.edit import Edit
from streamer.output.worker import Worker

#: How long the end of the program waits for text that is still to be typed.
DRAIN_LIMIT_S = 30.0


class Typist:
    """Types dictation's edits into the focused window, in a thread of its own.

    Args:
        keyboard: presses the keys.
        warn: told once what went wrong. Called in the thread.
    """

    def __init__(self, keyboard: VirtualKeyboard, warn: Callable[[str], None]) -> None:
        self._keyboard = keyboard
        self._warn = warn
        self._warned = False
        self._worker: Worker[Edit] = Worker("typing", self._type)

    def write(self, item: Event | Edit) -> None:
        """Have an edit typed; returns at once."""
        if isinstance(item, Edit):
            self._worker.put(item)

    def close(self, limit_s: float = DRAIN_LIMIT_S) -> None:
        """Wait for what is still to be typed, for a limited time. May be called twice."""
        left = self._worker.close(limit_s)
        if left:
            self._warn(f"--type: {left} pieces of text could not be typed in time")

    def _type(self, edit: Edit) -> None:
        try:
            if edit.delete:
                self._keyboard.backspace(edit.delete)
            text = printable(edit.insert)
            if text:
                self._keyboard.type_text(text)
        except Exception as error:  # a library's own errors included: typing never ends listening
            if not self._warned:
                self._warned = True
                self._warn(f"--type: {error}; further failures are not reported")


def printable(text: str) -> str:
    """Leave out control characters but line breaks and tabs: they are keys with an effect."""
    return "".join(c for c in text if c in "\n\t" or c.isprintable())
