"""A stage behind the recogniser: it hears the samples and may change or hold back events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from streamer.arrays import FloatArray
    from streamer.events import Event
    from streamer.text.model import TextModel


class EventStage(Protocol):
    """All methods are called by the thread of the stream, except `load` and `close`."""

    def load(self) -> None:
        """Prepare in the background."""

    def begin(self, own_name: str, text_model: TextModel | None, live: bool) -> None:
        """Begin a new stream.

        Args:
            own_name: of the model.
            text_model: of its language; None if it has none.
            live: whether samples come in real time.
        """

    def hear(self, position: int, samples: FloatArray) -> None:
        """Take samples, float32 (n,), that begin at an absolute position."""

    def process(self, events: Sequence[Event]) -> list[Event]:
        """Take events, perhaps none, and return those that are due."""

    def finish(self) -> list[Event]:
        """Return what is left at the end of the stream."""

    def close(self) -> None:
        """Release everything; may be called twice."""
