"""A streaming, real-time microphone transcriber.

    import streamer

    with streamer.Transcriber() as transcriber:
        for event in transcriber.listen():
            print(event)

    text = streamer.transcribe("talk.flac")

Everything here is loaded on first use, so that importing the package is quick.
"""

from __future__ import annotations

import os

from streamer import deprecated

# The wheels of ONNX Runtime report usage over the network, unless this is set before they are
# first imported. Every module of this package, and every child process, comes after this line.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

TYPE_CHECKING = False  # true for type checkers; importing typing takes 20 ms
if TYPE_CHECKING:
    from streamer.decoding.user_words import UserWord
    from streamer.endpointing.settings import EndpointSettings
    from streamer.errors import (
        AudioError,
        ConversionError,
        DecoderError,
        DeviceError,
        ModelError,
        OutputError,
        ScorerError,
        StreamerError,
        UsageError,
    )
    from streamer.events import Close, Event, Final, Gap, Notice, Partial, Stats, Word
    from streamer.text.writing import write_out
    from streamer.transcriber import About, Transcriber, transcribe

__version__ = "0.1.0"

__all__ = [
    "About",
    "AudioError",
    "Close",
    "ConversionError",
    "DecoderError",
    "DeviceError",
    "EndpointSettings",
    "Event",
    "Final",
    "Gap",
    "ModelError",
    "Notice",
    "OutputError",
    "Partial",
    "ScorerError",
    "Stats",
    "StreamerError",
    "Transcriber",
    "UsageError",
    "UserWord",
    "Word",
    "__version__",
    "transcribe",
    "write_out",
]

#: Where public names come from, the modules that load fastest first.
_HOMES = (
    "streamer.errors",
    "streamer.events",
    "streamer.endpointing.settings",
    "streamer.transcriber",
    "streamer.decoding.user_words",
    "streamer.text.writing",
)

deprecated.install()

if not TYPE_CHECKING:  # a type checker reports names that do not exist

    def __getattr__(name: str) -> object:
        """Load a public name on first use."""
        import importlib

        if name in __all__:
            for module in _HOMES:
                home = importlib.import_module(module)
                if hasattr(home, name):
                    globals()[name] = getattr(home, name)
                    return globals()[name]
        return deprecated.moved_names(__name__, stacklevel=4)(name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
