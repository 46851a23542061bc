"""A streaming, real-time microphone transcriber; see `Transcriber` for how to use it."""

from __future__ import annotations

from streamer.errors import StreamerError
from streamer.events import Event, Final, Gap, Notice, Partial, Stats, Word
from streamer.transcriber import Transcriber

__version__ = "0.1.0"

__all__ = [
    "Event",
    "Final",
    "Gap",
    "Notice",
    "Partial",
    "Stats",
    "StreamerError",
    "Transcriber",
    "Word",
    "__version__",
]


def __getattr__(name: str) -> object:
    """Names of version 0.1 that changed; they go in the next version."""
    if name == "Warning":
        import warnings

        warnings.warn("streamer.Warning is now streamer.Notice", DeprecationWarning, stacklevel=2)
        return Notice
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
