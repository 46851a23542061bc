"""Dictation on a stream of events."""

from __future__ import annotations

from dataclasses import replace

from streamer.dictation.formatter import DictationFormatter, PlainFormatter
from streamer.events import Event, Final, Partial
from streamer.output.edit import Edit


class EventRewriter:
    """Gives finals their dictated text and adds the edits.

    A final keeps the recognised words with their times and gets the dictated
    text. A partial keeps its text, but none of it is stable: until the utterance
    ends, "new" may become "New" or a line break.

    Args:
        formatter: makes the text.
        changes_words: whether the formatter changes words; if not, partials
            stay as they are.

    Attributes:
        stop_requested: whether "stop listening" was said.
    """

    def __init__(
        self, formatter: DictationFormatter | PlainFormatter, changes_words: bool = True
    ) -> None:
        self._formatter = formatter
        self._changes_words = changes_words
        self.stop_requested = False

    def rewrite(self, event: Event) -> list[Event | Edit]:
        """Return an event, rewritten if needed, followed by its edit if there is one."""
        if isinstance(event, Partial) and self._changes_words:
            return [replace(event, stable="")]
        if not isinstance(event, Final):
            return [event]
        dictated = self._formatter.feed(event.segment, event.text)
        self.stop_requested = self.stop_requested or dictated.stop
        items: list[Event | Edit] = [replace(event, text=dictated.text, stable=dictated.text)]
        if dictated.edit.delete or dictated.edit.insert:
            items.append(dictated.edit)
        return items
