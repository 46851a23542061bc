"""What all protocols of one server share: workers, readable streams, figures, limits."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace

from streamer.audio.pcm import PcmFormat
from streamer.engine.settings import RecogniserSettings
from streamer.errors import StreamerError
from streamer.server.hub import Hub
from streamer.server.metrics import Metrics
from streamer.server.settings import ServerSettings
from streamer.server.workers.pool import WorkerPool
from streamer.server.workers.stream import BusyError, Stream


class Service:
    """A server without its protocols.

    Args:
        settings: of the server.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.hub = Hub()
        self.pool = WorkerPool(
            settings.choice,
            settings.workers,
            settings.limits.streams,
            self.metrics.progress,
            self.metrics.worker_restarts.inc,
        )
        self.stopping = asyncio.Event()
        self._n_uploads = 0

    @property
    def draining(self) -> bool:
        """Whether the server is about to end."""
        return self.stopping.is_set()

    @property
    def language(self) -> str:
        """Language of the model, such as ``en``."""
        return "" if self.pool.about is None else self.pool.about.language

    @property
    def model(self) -> str:
        """Name of the model."""
        return "" if self.pool.about is None else self.pool.about.model

    def speaks(self, language: str | None) -> bool:
        """Return whether the model knows a language, such as ``en`` or ``en-GB``."""
        if not language or language == "auto":
            return True
        return _code(language) == _code(self.language)

    def recogniser(self, *, partials: bool, stats: bool = False) -> RecogniserSettings:
        """Return the settings of a stream's recogniser."""
        return replace(self.settings.recogniser, partials=partials, stats=stats)

    @contextlib.contextmanager
    def stream(
        self, protocol: str, format: PcmFormat, settings: RecogniserSettings, *, live: bool = True
    ) -> Iterator[Stream]:
        """Open a stream for this context.

        Args:
            protocol: for the figures.
            format: of its bytes.
            settings: of its recogniser.
            live: see `WorkerPool.open`.
        """
        longest_s = self.settings.limits.stream_s
        stream = self.pool.open(format, settings, longest_s, live=live)
        self.metrics.streams_total.labels(protocol).inc()
        self.metrics.streams.labels(protocol).inc()
        try:
            yield stream
        except StreamerError as error:
            self.metrics.refused.labels(type(error).__name__).inc()
            raise
        finally:
            stream.abandon()
            self.metrics.streams.labels(protocol).dec()

    @contextlib.contextmanager
    def upload(self) -> Iterator[None]:
        """Take a recording in this context: as many take space on the disk as there are streams.

        Raises:
            BusyError: there are too many.
        """
        if self._n_uploads >= self.settings.limits.streams:
            self.metrics.refused.labels(BusyError.__name__).inc()
            raise BusyError(f"there are {self._n_uploads} uploads already", "try again later")
        self._n_uploads += 1
        try:
            yield
        finally:
            self._n_uploads -= 1

    def drain(self) -> None:
        """Take no more connections and streams; those that are live end with their finals."""
        self.stopping.set()
        self.pool.drain()


def _code(language: str) -> str:
    """Return the first part of a language's name: ``en`` of ``en-GB`` and ``english``."""
    name = language.lower().replace("_", "-").partition("-")[0]
    return NAMES.get(name, name)


#: Languages by their English names, as some clients send them.
NAMES = {
    "english": "en", "german": "de", "french": "fr", "spanish": "es", "italian": "it",
    "portuguese": "pt", "dutch": "nl", "polish": "pl", "russian": "ru", "ukrainian": "uk",
    "chinese": "zh", "japanese": "ja", "korean": "ko", "turkish": "tr", "arabic": "ar",
}  # fmt: skip
