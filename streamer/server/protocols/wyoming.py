"""The Wyoming protocol of Home Assistant's voice assistants, on a port of its own.

``describe`` is answered with ``info``; ``transcribe``, ``audio-start``, ``audio-chunk`` and
``audio-stop`` with ``transcript-start``, ``transcript-chunk``, ``transcript`` and
``transcript-stop``. Unknown events are ignored. A stream that fails is told as an ``error``; the
connection ends with its ``audio-stop``, after which Home Assistant waits for nothing but a
``transcript``. There is no authentication in this protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from wyoming.asr import (
    Transcribe,
    Transcript,
    TranscriptChunk,
    TranscriptStart,
    TranscriptStop,
)
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event as Message
from wyoming.event import Eventable, async_read_event, async_write_event
from wyoming.info import AsrModel, AsrProgram, Attribution, Describe, Info
from wyoming.ping import Ping, Pong

from streamer.audio.pcm import PcmFormat
from streamer.errors import StreamerError, UsageError
from streamer.events import written_text
from streamer.server.conversation import SEND_S
from streamer.server.pace import Pace
from streamer.server.service import Service
from streamer.server.workers.pcm_input import check_format
from streamer.server.workers.stream import Stream

PROTOCOL = "wyoming"
#: Encodings by bytes of a sample.
ENCODINGS = {2: "s16", 3: "s24", 4: "s32"}
#: Lines of JSON that begin a message are short, in bytes.
_LINE_BYTES = 64 << 10


class _Reader(asyncio.StreamReader):
    """A reader that refuses what no message has: the protocol's own length has no limit.

    Args:
        most_bytes: length of a payload.
    """

    def __init__(self, most_bytes: int) -> None:
        super().__init__(limit=_LINE_BYTES)
        self._most_bytes = most_bytes

    async def readexactly(self, n: int) -> bytes:
        """Read a payload.

        Raises:
            ValueError: it is too long.
        """
        if n > self._most_bytes:
            raise ValueError(f"{n} bytes are too many")
        return await super().readexactly(n)


class WyomingServer:
    """Listens for Wyoming's clients.

    Args:
        service: the server.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._server: asyncio.AbstractServer | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port."""
        loop = asyncio.get_running_loop()
        most_bytes = self._service.settings.limits.message_bytes

        def protocol() -> asyncio.StreamReaderProtocol:
            return asyncio.StreamReaderProtocol(_Reader(most_bytes), self._accept)

        self._server = await loop.create_server(protocol, host, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening, and wait for the clients: their streams have been ended."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        service = self._service
        if service.draining or len(self._tasks) >= service.settings.limits.connections:
            service.metrics.refused.labels("503").inc()
            writer.close()
            return
        self._tasks.add(task)
        service.metrics.connections.inc()
        try:
            await _Client(service, reader, writer).run()
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
            pass  # the client has gone, or does not read
        finally:
            self._tasks.discard(task)
            service.metrics.connections.dec()
            writer.transport.abort() if writer.is_closing() else writer.close()


class _Client:
    """One client.

    Args:
        service: the server.
        reader: what it sends.
        writer: what it is sent.
    """

    def __init__(
        self, service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._service = service
        self._reader = reader
        self._writer = writer
        self._pace = Pace()
        self._language: str | None = None
        self._format: PcmFormat | None = None
        self._stream: Stream | None = None
        self._failed = False  # what more comes of this audio is of no use
        self._stack = contextlib.ExitStack()
        self._writing: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Answer until the client has gone."""
        try:
            while True:
                message = await self._next()
                if message is None:
                    return
                try:
                    await self._handle(message)
                except StreamerError as error:
                    await self._end_stream()
                    await self._send(Error(str(error), type(error).__name__))
                except (KeyError, TypeError, ValueError, AttributeError):
                    await self._send(Error(f"{message.type} is not valid", "invalid"))
                if self._failed and AudioStop.is_type(message.type):
                    return
        finally:
            await self._end_stream()

    async def _next(self) -> Message | None:
        """Return the next message; None at the end, or when it is not one of this protocol."""
        idle_s = self._service.settings.limits.idle_s
        try:
            message = await asyncio.wait_for(async_read_event(self._reader), idle_s)
            await self._pace.next()
        except (KeyError, TypeError, AttributeError, RecursionError):
            message = None
        if message is not None and isinstance(message.data, dict):
            return message
        return None

    async def _handle(self, message: Message) -> None:
        kind = message.type
        if AudioChunk.is_type(kind):
            chunk = AudioChunk.from_event(message)
            await self._audio(chunk)
        elif AudioStart.is_type(kind):
            start = AudioStart.from_event(message)
            await self._end_stream()
            self._failed = False
            self._format = None
            self._format = _format(start.rate, start.width, start.channels)
        elif AudioStop.is_type(kind):
            await self._finish()
        elif Transcribe.is_type(kind):
            await self._end_stream()
            self._failed = False
            language = Transcribe.from_event(message).language
            if not isinstance(language, (str, type(None))):
                raise ValueError("a language is text")
            self._language = language
            if not self._service.speaks(self._language):
                raise UsageError(
                    f"the model does not know the language {self._language!r}",
                    f"ask for {self._service.language}",
                )
        elif Describe.is_type(kind):
            await self._send(_info(self._service))
        elif Ping.is_type(kind):
            await self._send(Pong(Ping.from_event(message).text))

    async def _audio(self, chunk: AudioChunk) -> None:
        if self._failed or not self._service.speaks(self._language):
            return  # it has been told
        try:
            await self._feed(chunk)
        except (StreamerError, TypeError):
            self._failed = True
            raise

    async def _feed(self, chunk: AudioChunk) -> None:
        format = _format(chunk.rate, chunk.width, chunk.channels)
        if format != (self._format or format):
            raise UsageError("the audio is not what audio-start announced", "begin again")
        if self._stream is None:
            self._format = format
            settings = self._service.recogniser(partials=False)
            opened = self._service.stream(PROTOCOL, format, settings)
            self._stream = self._stack.enter_context(opened)
            await self._send(TranscriptStart(language=self._service.language))
            self._writing = asyncio.ensure_future(self._write(self._stream))
        await self._stream.feed(chunk.audio)
        if self._writing is not None and self._writing.done():
            await self._writing  # raises what ended it

    async def _finish(self) -> None:
        if self._failed or not self._service.speaks(self._language):
            return
        if self._stream is None:  # nothing was said
            await self._send(TranscriptStart(language=self._service.language))
            await self._send(Transcript("", language=self._service.language))
            await self._send(TranscriptStop())
            return
        self._stream.finish()
        assert self._writing is not None
        try:
            await self._writing
        except StreamerError:
            self._failed = True
            raise
        await self._end_stream()
        self._format = None

    async def _write(self, stream: Stream) -> None:
        """Send what is final; it is never taken back."""
        parts: list[str] = []
        async for event in stream:
            parts.append(written_text([event]))
            if parts[-1]:
                await self._send(TranscriptChunk(parts[-1]))
        await self._send(Transcript("".join(parts), language=self._service.language))
        await self._send(TranscriptStop())

    async def _end_stream(self) -> None:
        """Give up the stream, if there is one."""
        writing, self._writing, self._stream = self._writing, None, None
        if writing is not None:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        self._stack.close()

    async def _send(self, message: Eventable) -> None:
        await asyncio.wait_for(async_write_event(message.event(), self._writer), SEND_S)


def _format(rate_hz: Any, width: Any, channels: Any) -> PcmFormat:
    if width not in ENCODINGS or not isinstance(rate_hz, int) or not isinstance(channels, int):
        raise UsageError("the audio format is not valid", "send 16-bit PCM")
    return check_format(ENCODINGS[width], rate_hz, channels)


def _info(service: Service) -> Info:
    attribution = Attribution("The streamer authors", "")
    model = AsrModel(
        name=service.model,
        description=None,
        version=service.settings.version,
        attribution=attribution,
        installed=True,
        languages=[service.language],
    )
    program = AsrProgram(
        name="streamer",
        description="Streaming speech-to-text on your own machine",
        version=service.settings.version,
        attribution=attribution,
        installed=True,
        models=[model],
        supports_transcript_streaming=True,
    )
    return Info(asr=[program])
