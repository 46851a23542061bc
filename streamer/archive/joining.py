"""The events of pieces, as those of the whole recording."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from streamer.endpointing.settings import RATE_HZ
from streamer.events import Close, Event, Final, Gap, Notice, Partial, Stats
from streamer.text.joining import PARAGRAPH, PARAGRAPH_AFTER_S


class Joiner:
    """Joins the events of pieces, one piece after the other.

    Times become those of the recording, utterances and events are counted through. Of the
    `Stats`, only one at the end stays. A piece closes its last sentence; the next one begins
    after a space, or with a paragraph after a long silence.
    """

    def __init__(self) -> None:
        self._segment = 0
        self._seq = 0
        self._said_until: float | None = None  # end of the last final, in seconds
        self._first = False
        self._stats: Stats | None = None
        self._piece_stats: Stats | None = None

    def join(self, begin: int, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events of the next piece.

        Args:
            begin: position of the piece's first sample in the recording.
            events: of the piece alone.
        """
        offset = begin / RATE_HZ
        segment = self._segment
        self._first = True
        self._piece_stats = None
        for event in events:
            if isinstance(event, Stats):
                self._piece_stats = replace(event, time=event.time + offset)
                continue
            yield self._moved(event, offset, segment)
        self._add_stats()

    def finish(self) -> list[Event]:
        """Return the `Stats` of the whole recording, unless no piece had any."""
        stats, self._stats = self._stats, None
        return [] if stats is None else [replace(stats, seq=self._next_seq())]

    def _moved(self, event: Event, offset: float, segment: int) -> Event:
        seq = self._next_seq()
        if isinstance(event, (Final, Partial)):
            moved = replace(
                event,
                seq=seq,
                segment=event.segment + segment,
                start=event.start + offset,
                end=event.end + offset,
                words=tuple(
                    replace(word, start=word.start + offset, end=word.end + offset)
                    for word in event.words
                ),
            )
            return self._joined(moved) if isinstance(moved, Final) else moved
        if isinstance(event, Close):
            return replace(
                event, seq=seq, segment=event.segment + segment, time=event.time + offset
            )
        if isinstance(event, Gap):
            return replace(event, seq=seq, start=event.start + offset, end=event.end + offset)
        assert isinstance(event, Notice)
        return replace(event, seq=seq, time=event.time + offset)

    def _joined(self, final: Final) -> Final:
        """Return a final with what stands before it."""
        begin = final.words[0].start if final.words else final.start
        if self._first and self._said_until is not None:
            long = begin - self._said_until >= PARAGRAPH_AFTER_S
            final = replace(final, join=PARAGRAPH if long else " ")
        self._first = False
        self._said_until = final.words[-1].end if final.words else final.end
        self._segment = final.segment + 1
        return final

    def _add_stats(self) -> None:
        """Add the figures of a piece to those of the pieces before it."""
        piece, before = self._piece_stats, self._stats
        if piece is None:
            return
        if before is not None:
            piece = replace(
                piece,
                lost_samples=before.lost_samples + piece.lost_samples,
                chunks=before.chunks + piece.chunks,
            )
        self._stats = piece

    def _next_seq(self) -> int:
        self._seq += 1
        return self._seq - 1
