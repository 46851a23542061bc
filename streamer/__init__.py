"""A streaming, real-time microphone transcriber; see `Transcriber` for how to use it."""

from streamer.errors import StreamerError
from streamer.events import Event, Final, Gap, Partial, Stats, Warning, Word
from streamer.transcriber import Transcriber

__version__ = "0.1.0"

__all__ = [
    "Event",
    "Final",
    "Gap",
    "Partial",
    "Stats",
    "StreamerError",
    "Transcriber",
    "Warning",
    "Word",
    "__version__",
]
