"""Settings of the server; every limit has its default and its reason here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from streamer.engine.model_loader import ModelChoice
from streamer.engine.settings import RecogniserSettings

#: The port that Vosk's clients look at unless told otherwise.
DEFAULT_PORT = 2700

#: Characters of a token that cannot be guessed.
MIN_TOKEN = 16

#: Two dozen streams of continuous speech keep two cores busy; silence costs a tenth of speech.
MAX_STREAMS = 64
#: Connections of any kind, idle ones and readers included.
MAX_CONNECTIONS = 512
#: A minute of 24 kHz audio in base64 is 3.8 MB: no client sends that much at once.
MAX_MESSAGE_BYTES = 4 << 20
#: Eight hours of compressed speech, or two of CD quality.
MAX_UPLOAD_BYTES = 512 << 20
#: A working day.
MAX_STREAM_S = 12 * 3600.0
#: A client that says nothing for this long has gone away without a word.
IDLE_S = 300.0
#: How long streams may take to end at SIGTERM; systemd waits for 90 seconds.
DRAIN_S = 20.0


@dataclass(frozen=True)
class Limits:
    """What one server accepts.

    Attributes:
        streams: streams at once.
        connections: connections at once.
        message_bytes: length of a message.
        upload_bytes: length of an uploaded recording.
        stream_s: length of a stream, in seconds of audio.
        idle_s: longest time without a message, in seconds.
        drain_s: time for open streams to end when the server is stopped, in seconds.
    """

    streams: int = MAX_STREAMS
    connections: int = MAX_CONNECTIONS
    message_bytes: int = MAX_MESSAGE_BYTES
    upload_bytes: int = MAX_UPLOAD_BYTES
    stream_s: float = MAX_STREAM_S
    idle_s: float = IDLE_S
    drain_s: float = DRAIN_S


@dataclass(frozen=True)
class ServerSettings:
    """How a server runs.

    Attributes:
        version: of streamer, for clients.
        host: address to listen on.
        port: of HTTP and WebSocket; 0 for any that is free.
        wyoming: host and port of the Wyoming protocol; None for none.
        token: what clients must show; None for everybody.
        origins: web sites whose pages may use the server, besides its own.
        certificate: of TLS, in PEM; None for none.
        key: its private key; None if it is in the same file.
        workers: processes that recognise.
        microphone: whether the server listens to its own microphone.
        device: which microphone; None for the default.
        choice: the model.
        recogniser: of every stream.
        limits: what is accepted.
    """

    version: str = ""
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    wyoming: tuple[str, int] | None = None
    token: str | None = None
    origins: Sequence[str] = ()
    certificate: Path | None = None
    key: Path | None = None
    workers: int = 1
    microphone: bool = False
    device: int | str | None = None
    choice: ModelChoice = field(default_factory=ModelChoice)
    recogniser: RecogniserSettings = field(default_factory=RecogniserSettings)
    limits: Limits = field(default_factory=Limits)
