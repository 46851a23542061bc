"""Long recordings cut at pauses.

The same recording is cut at the same samples wherever that is done: a cut depends on the samples
and the length of a piece alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streamer.arrays import FloatArray
from streamer.endpointing.settings import OFFSET_PROBABILITY, RATE_HZ
from streamer.endpointing.voice_activity import CHUNK_SAMPLES, Chunk, VoiceActivity
from streamer.errors import AudioError
from streamer.text.joining import CLOSE_AFTER_S

if TYPE_CHECKING:
    from streamer.audio.sources.source import Source

#: A piece ends in the first pause of this length, in whole chunks; it closes a sentence anyway.
PAUSE_SAMPLES = -(-round(CLOSE_AFTER_S * RATE_HZ) // CHUNK_SAMPLES) * CHUNK_SAMPLES

#: If there is none until a piece is this much longer, it ends in the longest pause so far.
LONGEST = 1.5

#: Voice activity is judged only near the end of a piece; this long before, it begins to hear.
LEAD_SAMPLES = 30 * RATE_HZ


@dataclass(frozen=True)
class Piece:
    """A part of a recording.

    Attributes:
        begin: position of its first sample in the recording.
        samples: float32 (n,) at 16 kHz, full scale 1.
    """

    begin: int
    samples: FloatArray


class Cutter:
    """Cuts a stream of samples into pieces.

    A piece ends in the first pause of 1.5 s after this length, 0.75 s before what has been heard.
    If it gets half as long again without one, it ends in the middle of the longest pause since
    then, and if voice never paused, where it is.

    Args:
        piece_s: length of a piece, in seconds; only the last one is shorter by more than 0.75 s.
        voice_activity: None for Silero's network.

    Raises:
        ModelError: Silero's network cannot be loaded.
    """

    def __init__(self, piece_s: float, voice_activity: VoiceActivity | None = None) -> None:
        self._shortest = _whole_chunks(round(piece_s * RATE_HZ))
        self._longest = _whole_chunks(round(piece_s * LONGEST * RATE_HZ))
        self._voice = voice_activity or VoiceActivity()
        self._rest: FloatArray = np.empty(0, np.float32)  # less than a chunk
        self._kept: list[FloatArray] = []  # the piece so far, without the rest
        self._begin = 0  # of the piece
        self._position = 0  # of the first sample of the rest
        self._heard_to = -1  # end of the last chunk that voice activity has heard
        self._watch_from = max(0, self._shortest - LEAD_SAMPLES)
        self._pause_begin: int | None = None
        self._best: tuple[int, int] | None = None  # length and middle of the longest pause

    def feed(self, samples: FloatArray) -> list[Piece]:
        """Take the next samples, float32 (n,), and return the pieces that have ended."""
        pieces = []
        samples = np.concatenate([self._rest, samples])
        whole = _whole_chunks(len(samples))
        kept = 0
        for start in range(0, whole, CHUNK_SAMPLES):
            position = self._position + start
            if position < self._watch_from:
                continue
            cut = self._judge(position, samples[start : start + CHUNK_SAMPLES])
            if cut is not None:
                self._kept.append(samples[kept : start + CHUNK_SAMPLES])
                kept = start + CHUNK_SAMPLES
                pieces.append(self._cut(cut))
        self._kept.append(samples[kept:whole])
        self._rest = samples[whole:].copy()
        self._position += whole
        return pieces

    def finish(self) -> Piece | None:
        """Return the last piece; None if it has no samples."""
        samples = np.concatenate([*self._kept, self._rest])
        self._kept, self._rest = [], self._rest[:0]
        return Piece(self._begin, samples) if len(samples) else None

    def _judge(self, position: int, samples: FloatArray) -> int | None:
        """Hear one chunk and return where to cut, if it is time to."""
        if position != self._heard_to:
            self._voice.reset(position)
            self._pause_begin = None
        (chunk,) = self._voice.feed(samples)
        end = self._heard_to = position + CHUNK_SAMPLES
        self._follow_pause(chunk, end)
        length = end - self._begin
        if length < self._shortest:
            return None
        if self._pause_begin is not None:
            # Of a longer pause, its last part counts: the piece may have begun in it.
            pause = min(PAUSE_SAMPLES, end - self._pause_begin)
            middle = end - _whole_chunks(pause // 2)
            if pause == PAUSE_SAMPLES:
                return middle
            if self._best is None or pause > self._best[0]:
                self._best = (pause, middle)
        if length >= self._longest:
            return end if self._best is None else self._best[1]
        return None

    def _follow_pause(self, chunk: Chunk, end: int) -> None:
        if chunk.probability >= OFFSET_PROBABILITY:
            self._pause_begin = None
        elif self._pause_begin is None:
            self._pause_begin = end - CHUNK_SAMPLES

    def _cut(self, position: int) -> Piece:
        """End the piece at this position; all samples up to now are kept."""
        samples = np.concatenate(self._kept)
        n = position - self._begin
        piece = Piece(self._begin, samples[:n].copy())
        self._kept = [samples[n:].copy()]
        self._begin = position
        self._watch_from = position + max(0, self._shortest - LEAD_SAMPLES)
        self._best = None
        return piece


def pieces(source: Source, piece_s: float) -> Iterator[Piece]:
    """Read a source to its end and yield its pieces.

    Args:
        source: opened and closed here.
        piece_s: length of a piece, in seconds; see `Cutter`.

    Raises:
        AudioError: the source cannot be opened, or has a fault; all pieces before it come first.
    """
    cutter = Cutter(piece_s)
    failure: AudioError | None = None
    try:
        source.open(RATE_HZ)
        while True:
            try:
                samples = source.read()
            except AudioError as error:
                failure, samples = error, None
            if samples is None:
                break
            yield from cutter.feed(samples)
        last = cutter.finish()
        if last is not None:
            yield last
    finally:
        source.close()
    if failure is not None:
        raise failure


def _whole_chunks(samples: int) -> int:
    return samples // CHUNK_SAMPLES * CHUNK_SAMPLES
