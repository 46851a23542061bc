"""Finals that no output has yet, printed where none can be written any more."""

from __future__ import annotations

from typing import Union

from streamer.cli.support.messages import say
from streamer.events import Close, Final, written_text

#: The line above them.
HEADING = "words that could not be written:"


class Unsaved:
    """Keeps finals, and the marks after them, until an output has them all."""

    def __init__(self) -> None:
        self._events: list[Union[Final, Close]] = []

    def add(self, event: object) -> None:
        """Keep a final or a mark; other events have no text."""
        if isinstance(event, (Final, Close)):
            self._events.append(event)

    def keep(self, n_finals: int) -> None:
        """Forget all but the last finals: an output has the others."""
        places = [i for i, event in enumerate(self._events) if isinstance(event, Final)]
        first = len(self._events) if n_finals == 0 else [0, *places][-n_finals:][0]
        del self._events[:first]

    def say(self) -> None:
        """Print them on standard error, if there are any, and forget them."""
        events, self._events = self._events, []
        while events and not isinstance(events[0], Final):
            del events[0]  # the mark after words that have been written
        text = written_text(events).lstrip(" ,.?!:\n")
        if text:
            for line in [HEADING, *text.split("\n")]:
                say(line)
