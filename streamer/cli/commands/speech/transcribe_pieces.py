"""One process that transcribes a recording in pieces, as a cluster does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Callable

from streamer.endpointing.settings import RATE_HZ
from streamer.events import Event

if TYPE_CHECKING:
    from streamer.audio.sources.source import Source
    from streamer.transcriber import Transcriber


class InPieces:
    """Transcribes recordings in pieces.

    Args:
        transcriber: transcribes each piece.
        piece_s: recordings longer than this are cut at pauses, in seconds.
        stopping: whether to end.
    """

    def __init__(
        self, transcriber: Transcriber, piece_s: float, stopping: Callable[[], bool]
    ) -> None:
        self._transcriber = transcriber
        self._piece_s = piece_s
        self._stopping = stopping
        self._begin = 0

    @property
    def heard_s(self) -> float:
        """How much of the recording has been transcribed, in seconds."""
        return self._begin / RATE_HZ + self._transcriber.heard_s

    def run(self, source: Source, opened: Callable[[Source], None]) -> Iterator[Event]:
        """Yield the events of a recording.

        Args:
            source: opened and closed here.
            opened: called when it is open.

        Raises:
            StreamerError: see `Transcriber.transcribe`.
        """
        from streamer.archive.cuts import pieces
        from streamer.archive.joining import Joiner
        from streamer.archive.worker import is_long
        from streamer.audio.sources.recording import RecordingSource

        self._begin = 0
        if isinstance(source, RecordingSource) and not is_long(source, self._piece_s):
            yield from self._transcriber.run(source, opened)
            return
        joiner = Joiner()
        announced = False
        for piece in pieces(source, self._piece_s):
            if not announced:
                opened(source)
                announced = True
            if self._stopping():
                return
            self._begin = piece.begin
            yield from joiner.join(piece.begin, self._transcriber.transcribe(piece.samples))
        yield from joiner.finish()
