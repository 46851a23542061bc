"""An uploaded recording as a stream."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from streamer.audio.pcm import PcmFormat
from streamer.endpointing.settings import RATE_HZ
from streamer.errors import StreamerError
from streamer.events import Event
from streamer.server.service import Service
from streamer.server.workers.decoding import DecodingProcess
from streamer.server.workers.stream import Stream

#: What recordings are decoded to.
DECODED = PcmFormat("f32", RATE_HZ, 1)


def limited(request: Request, most_bytes: int) -> Request:
    """Return the request with a body that may not be longer.

    Raises:
        HTTPException: 413, at once or while the body is read.
    """
    too_long = HTTPException(413, f"the recording is longer than {most_bytes >> 20} MB")
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > most_bytes:
        raise too_long
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > most_bytes:
            raise too_long
        return message

    return Request(request.scope, receive)


async def recognise(
    service: Service, protocol: str, path: Path, *, partials: bool
) -> AsyncIterator[Event]:
    """Yield the events of a recording; it is decoded as fast as it is recognised.

    Raises:
        StreamerError: it cannot be read.
    """
    source = DecodingProcess(path)
    settings = service.recogniser(partials=partials)
    with service.stream(protocol, DECODED, settings) as stream:
        try:
            # Whatever it is, it says so before anything is answered.
            await asyncio.to_thread(source.open, RATE_HZ)
            feeding = asyncio.ensure_future(_feed(source, stream))
            try:
                async for event in stream:
                    yield event
                await feeding
            finally:
                feeding.cancel()
                await asyncio.gather(feeding, return_exceptions=True)
        finally:
            await asyncio.to_thread(source.close)


async def _feed(source: DecodingProcess, stream: Stream) -> None:
    try:
        while True:
            samples = await asyncio.to_thread(source.read)
            if samples is None:
                break
            await stream.feed(samples.tobytes())
    except StreamerError:
        stream.finish()
        raise
    stream.finish()


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for uploads that is gone afterwards."""
    return tempfile.TemporaryDirectory(prefix="streamer-")
