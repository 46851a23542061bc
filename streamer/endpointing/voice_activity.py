"""Voice activity by the Silero network, every 32 ms.

Chunks are counted from the start of the stream (or from the end of a gap),
however the samples arrive, so nothing that is decided on them depends on how
the stream is cut into blocks.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from streamer.arrays import FloatArray
from streamer.endpointing.settings import RATE_HZ
from streamer.endpointing.silero import CHUNK_SAMPLES as CHUNK_SAMPLES
from streamer.endpointing.silero import Silero

#: Silero's network misses very soft speech, as from a microphone with a low gain.
#: So it gets the stream amplified to this level (root mean square of the loudest
#: recent chunk) ...
USUAL_LEVEL = 0.05

#: ... if it is softer, but by no more than this (20 dB): murmur from another room
#: should not become speech.
MOST_GAIN = 10.0

#: The level of the loudest chunk decays by half in 10 s.
HOLD_PER_CHUNK = 0.5 ** (CHUNK_SAMPLES / RATE_HZ / 10.0)


class Detector(Protocol):
    """The interface of `Silero`, for replacements in tests."""

    def process_array(self, audio_array: FloatArray) -> float:
        """Return the probability of speech in float32 (512,), full scale 1."""
        ...

    def reset(self) -> None:
        """Forget the past."""
        ...


class Chunk(NamedTuple):
    """One chunk and its probability of speech.

    Attributes:
        position: absolute position of its first sample.
        samples: float32 (512,).
        probability: of speech, 0 to 1.
    """

    position: int
    samples: FloatArray
    probability: float


class VoiceActivity:
    """Cuts a stream into chunks of 512 samples at 16 kHz and rates each.

    Args:
        detector: None for `Silero`.

    Raises:
        ModelError: Silero's network cannot be loaded.
    """

    def __init__(self, detector: Detector | None = None) -> None:
        self._detector = detector or Silero()
        self.reset()

    @property
    def missing(self) -> int:
        """How many samples the current chunk still needs, 1 to 512."""
        return CHUNK_SAMPLES - self._filled

    def reset(self, position: int = 0) -> None:
        """Start over; the next sample has this absolute position."""
        self._chunk: FloatArray = np.zeros(CHUNK_SAMPLES, np.float32)
        self._filled = 0  # samples of it so far
        self._position = position  # of its first sample
        self._loudest = 0.0
        self._detector.reset()

    def feed(self, samples: FloatArray) -> list[Chunk]:
        """Take samples, float32 (n,), and return the chunks that they complete."""
        chunks = []
        start = 0
        while start < len(samples):
            piece = samples[start : start + self.missing]
            self._chunk[self._filled : self._filled + len(piece)] = piece
            self._filled += len(piece)
            start += len(piece)
            if not self.missing:
                chunks.append(self._judge())
        return chunks

    def finish(self) -> Chunk | None:
        """Pad the last chunk with zeros and return it; None if there is none."""
        return self._judge() if self._filled else None

    def _judge(self) -> Chunk:
        """Rate the current chunk, zeros where it is not filled, and start the next."""
        samples = self._chunk
        self._chunk, self._filled = np.zeros(CHUNK_SAMPLES, np.float32), 0
        level = float(np.sqrt(np.mean(np.square(samples))))
        self._loudest = max(level, self._loudest * HOLD_PER_CHUNK)
        gain = min(MOST_GAIN, max(1.0, USUAL_LEVEL / max(self._loudest, 1e-9)))
        # Float recordings may exceed full scale, which the network does not know.
        heard = np.clip(samples * np.float32(gain), -1.0, 1.0)
        probability = float(self._detector.process_array(heard))
        chunk = Chunk(self._position, samples, probability)
        self._position += CHUNK_SAMPLES
        return chunk
