"""``--clipboard``: what is said goes to the clipboard."""

from __future__ import annotations

from typing import Callable

from streamer.dictation.clipboard import Clipboard
from streamer.errors import OutputError
from streamer.events import Close, Event, Final
from streamer.output.edit import Edit
from streamer.output.worker import DRAIN_LIMIT_S, Worker


class ClipboardWriter:
    """Copies each final, or everything at the end, in a background thread.

    Args:
        clipboard: gets the text.
        warn: called once if it cannot be used.
        whole: whether the whole text is copied, at the end.
        edits: whether the text is that of edits (dictation) instead of finals.
    """

    def __init__(
        self,
        clipboard: Clipboard,
        warn: Callable[[str], None],
        whole: bool = False,
        edits: bool = False,
    ) -> None:
        self._clipboard = clipboard
        self._warn = warn
        self._whole = whole
        self._edits = edits
        self._text = ""
        self._last = ""
        self._worker: Worker[str] = Worker("clipboard", self._copy)

    def write(self, item: Event | Edit) -> None:
        """Queue the text of a final, or its mark; returns at once."""
        if isinstance(item, Final):
            self._last = item.display
            self._append("" if self._edits else item.join + item.display)
        elif isinstance(item, Close):
            self._last += item.display
            self._append("" if self._edits else item.display)
        elif isinstance(item, Edit):
            self._text = item.apply(self._text) if self._edits else self._text

    def _append(self, text: str) -> None:
        self._text += text
        if not self._whole and self._last:
            self._worker.put(self._last)

    @property
    def finals_waiting(self) -> int:
        """None: what waits for the end is in memory."""
        return 0

    def begin_file(self, name: str) -> None:
        """Do nothing: the clipboard gets text only."""

    def close(self, limit_s: float = DRAIN_LIMIT_S) -> None:
        """Copy the whole, and wait for it. May be called twice."""
        if self._whole and self._text.strip():
            self._worker.put(self._text.strip() + "\n")
        self._worker.close(limit_s)

    def _copy(self, text: str) -> None:
        try:
            self._clipboard.copy(text)
        except OutputError as error:
            self._warn(f"--clipboard: {error}")
            self._warn = lambda line: None  # once is enough
