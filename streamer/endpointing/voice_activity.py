"""Voice activity by the Silero network, every 32 ms: all chunks that are there in one call.

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

    def probabilities(self, chunks: FloatArray) -> list[float]:
        """Return the probability of speech in each of the next chunks.

        Args:
            chunks: float32 (n, 512), n > 0, full scale 1.
        """
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

    def reset(self, position: int = 0) -> None:
        """Start over; the next sample has this absolute position."""
        self._rest: FloatArray = np.zeros(0, np.float32)  # the beginning of the next chunk
        self._position = position  # of its first sample
        self._loudest = 0.0
        self._detector.reset()

    def feed(self, samples: FloatArray) -> list[Chunk]:
        """Take samples, float32 (n,), and return the chunks that they complete."""
        samples = np.concatenate([self._rest, samples])
        end = len(samples) // CHUNK_SAMPLES * CHUNK_SAMPLES
        self._rest = samples[end:].copy()
        return self._judge(samples[:end].reshape(-1, CHUNK_SAMPLES)) if end else []

    def finish(self) -> Chunk | None:
        """Pad the last chunk with zeros and return it; None if there is none."""
        if not len(self._rest):
            return None
        padded = np.zeros((1, CHUNK_SAMPLES), np.float32)
        padded[0, : len(self._rest)] = self._rest
        self._rest = self._rest[:0]
        return self._judge(padded)[0]

    def _judge(self, chunks: FloatArray) -> list[Chunk]:
        """Rate the next chunks, float32 (n, 512)."""
        levels = np.sqrt(np.mean(np.square(chunks), axis=1))
        gains = [self._gain(level) for level in levels.tolist()]
        # Float recordings may exceed full scale, which the network does not know.
        heard = np.clip(chunks * np.array(gains, np.float32)[:, None], -1.0, 1.0)
        first, self._position = self._position, self._position + chunks.size
        positions = range(first, self._position, CHUNK_SAMPLES)
        return list(map(Chunk, positions, chunks, self._detector.probabilities(heard)))

    def _gain(self, level: float) -> float:
        """Return the factor for a chunk of this level, the next one of the stream."""
        self._loudest = max(level, self._loudest * HOLD_PER_CHUNK)
        return min(MOST_GAIN, max(1.0, USUAL_LEVEL / max(self._loudest, 1e-9)))
