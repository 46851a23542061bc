"""Warnings about a live source: it delivers nothing, or recognition does not keep up."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamer.audio.sources.source import Source

#: A recogniser this far behind the microphone is worth a notice, in seconds.
BEHIND_S = 3.0
#: One that is no further behind has caught up, in seconds.
CAUGHT_UP_S = 0.5


class Backlog:
    """How much audio waits to be recognised.

    What has waited while the model was loaded says nothing about the speed of the
    machine: it counts neither as being behind nor in the latency.

    Attributes:
        behind_s: audio that waits now, in seconds.
        worked_off: whether what waited at the beginning has been recognised.
    """

    def __init__(self) -> None:
        self.behind_s = 0.0
        self.worked_off = False
        self._at_first: float | None = None

    def update(self, behind_s: float) -> None:
        """Note how much waits now."""
        self.behind_s = behind_s
        if self._at_first is None:
            self._at_first = behind_s
        # A machine that falls back from the start never catches up.
        if behind_s <= CAUGHT_UP_S or behind_s > self._at_first + BEHIND_S:
            self.worked_off = True

    @property
    def too_long(self) -> bool:
        """Whether the user should know."""
        return self.worked_off and self.behind_s > BEHIND_S


class SourceWarnings:
    """What is wrong with a stream, each said once.

    Args:
        source: where the samples come from.
        backlog: how much of them waits.
    """

    def __init__(self, source: Source, backlog: Backlog) -> None:
        self._source = source
        self._backlog = backlog
        self._silent = False
        self._behind = False

    def due(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong and what to do, for each new problem."""
        source = self._source
        if not self._silent and getattr(source, "silent_device", False):
            from streamer.audio.portaudio import privacy_hint

            self._silent = True
            yield f'the microphone "{source.name}" delivers only zeros', privacy_hint(sys.platform)
        if source.live and self._backlog.too_long and not self._behind:
            self._behind = True
            yield (
                f"recognition is {self._backlog.behind_s:.0f} s behind the microphone",
                "close other programs, or use a smaller --beam",
            )
