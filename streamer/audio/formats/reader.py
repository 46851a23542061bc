"""What all readers of sound files have in common."""

from __future__ import annotations

from typing import Protocol

from streamer.arrays import FloatArray

#: Frames per read: whole blocks of FLAC's usual 4096.
BLOCK_FRAMES = 8192

#: What to do about a recording that ends early.
REPLACE = "everything before is transcribed; copy or record the file again for the rest"


class FrameReader(Protocol):
    """An open sound file.

    Attributes:
        rate_hz: frames per second.
        seconds: length; None if it is not known.
    """

    rate_hz: float
    seconds: float | None

    def read(self) -> FloatArray | None:
        """Return the next frames, float32 (n, channels); None at the end.

        Raises:
            AudioError: the file is truncated or damaged here; all frames
                before have been returned.
        """

    def close(self) -> None:
        """Close the file; may be called twice."""
