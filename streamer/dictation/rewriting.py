"""Dictation over a stream of events: finals get the text that was meant."""

from __future__ import annotations

from dataclasses import replace

from streamer.dictation.formatter import DictationFormatter, PlainFormatter
from streamer.events import Event, Final, Partial
from streamer.output.edit import Edit


class EventRewriter:
    """Rewrites finals and adds the edits they bring.

    A final keeps its words as recognised, with their times, and gets the text
    that dictation made of them. A partial keeps its text but promises none of
    it: until the utterance is over, "new" may become "New" or a line break.

    Args:
        formatter: makes the text.
        rewrites: whether the formatter changes words; partials of one that
            does not keep their promise.

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
        """Return what stands for an event: itself or rewritten, then its edit if there is one."""
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
