"""Words of utterances whose final is held back, for a view that draws one partial."""

from __future__ import annotations

from dataclasses import replace

from streamer.events import Event, Final, Partial


class HeldWords:
    """Puts the words of utterances that wait for their final before those of the next one.

    With a second opinion, partials of an utterance may come before the final of the one
    before; its words would vanish from the screen until then.
    """

    def __init__(self) -> None:
        self._held: list[Partial] = []

    def show(self, event: Event) -> Event:
        """Return an event as it should be drawn."""
        if isinstance(event, Final):
            self._held = [partial for partial in self._held if partial.segment > event.segment]
        if not isinstance(event, Partial):
            return event
        self._held = [partial for partial in self._held if partial.segment != event.segment]
        shown = event
        for partial in reversed(self._held):
            shown = _joined(partial, shown)
        self._held.append(event)
        return shown


def _joined(before: Partial, after: Partial) -> Partial:
    """Return two partials as one; nothing of the first changes any more until its final."""
    return replace(
        after,
        text=f"{before.text} {after.text}",
        stable=f"{before.text} {after.stable}",
        words=(*before.words, *after.words),
        display=f"{before.display} {after.display}",
        display_stable=f"{before.display} {after.display_stable}",
    )
