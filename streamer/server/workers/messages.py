"""Messages between the server and its workers."""

from __future__ import annotations

from typing import NamedTuple, Union

from streamer.audio.pcm import PcmFormat
from streamer.engine.settings import RecogniserSettings
from streamer.errors import StreamerError
from streamer.events import Event


class Open(NamedTuple):
    """A new stream.

    Attributes:
        stream: its number, for all other messages.
        format: of its samples.
        settings: of its recogniser.
    """

    stream: int
    format: PcmFormat
    settings: RecogniserSettings


class Audio(NamedTuple):
    """The next bytes of a stream.

    Attributes:
        stream: the stream.
        data: samples; a frame may be cut anywhere.
        arrived: when the last of them arrived, on the monotonic clock; None if they do not come
            in real time.
    """

    stream: int
    data: bytes
    arrived: float | None


class Lost(NamedTuple):
    """Samples that are missing before the next ones, at 16 kHz."""

    stream: int
    samples: int


class Notify(NamedTuple):
    """Something that the readers of a stream should know."""

    stream: int
    what: str
    todo: str


class EndUtterance(NamedTuple):
    """The utterance ends after the bytes sent so far."""

    stream: int


class Finish(NamedTuple):
    """No more bytes follow."""

    stream: int


class Abandon(NamedTuple):
    """Nobody wants the rest of a stream."""

    stream: int


class Ready(NamedTuple):
    """A worker has loaded its model.

    Attributes:
        model: name of the bundle.
        language: its language, such as ``en``.
        backend: ``onnx``, ``coreml`` or ``numpy``.
    """

    model: str
    language: str
    backend: str


class Failed(NamedTuple):
    """A worker cannot load its model."""

    error: StreamerError


class Progress(NamedTuple):
    """Some audio of a stream has been recognised.

    Attributes:
        stream: the stream.
        events: what became known.
        done: whether a command is done with.
        audio_s: length of the audio, in seconds.
        computing_s: time that it took.
    """

    stream: int
    events: list[Event]
    done: bool
    audio_s: float
    computing_s: float


class Ended(NamedTuple):
    """A stream has ended; nothing more comes of it.

    Attributes:
        stream: the stream.
        error: why it could not go on; None after `Finish`.
    """

    stream: int
    error: StreamerError | None


Command = Union[Open, Audio, Lost, Notify, EndUtterance, Finish, Abandon]
Report = Union[Ready, Failed, Progress, Ended]
