"""An uploaded recording as a stream."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from streamer.audio.pcm import PcmFormat
from streamer.endpointing.settings import RATE_HZ
from streamer.errors import AudioError, StreamerError
from streamer.events import Event
from streamer.server.service import Service
from streamer.server.workers.decoding import DecodingProcess
from streamer.server.workers.stream import Stream

T = TypeVar("T")

#: What recordings are decoded to.
DECODED = PcmFormat("f32", RATE_HZ, 1)


def limited(request: Request, most_bytes: int, idle_s: float) -> Request:
    """Return the request with a body that may not be longer, and must go on coming.

    Raises:
        HTTPException: 413, at once or while the body is read; 408 while it is read.
    """
    too_long = HTTPException(413, f"the recording is longer than {most_bytes >> 20} MB")
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > most_bytes:
        raise too_long
    received = 0

    async def receive() -> Message:
        nonlocal received
        try:
            message = await asyncio.wait_for(request.receive(), idle_s)
        except asyncio.TimeoutError:
            raise HTTPException(408, f"nothing came for {idle_s:g} s") from None
        received += len(message.get("body", b""))
        if received > most_bytes:
            raise too_long
        return message

    return Request(request.scope, receive)


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of work for a client, whose request has been read to its end.

    Raises:
        ClientDisconnect: the client has gone; the work has been cancelled.
    """
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnection(request))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        for task in (working, gone):
            task.cancel()
        await asyncio.gather(working, gone, return_exceptions=True)


async def _disconnection(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def recognise(
    service: Service, protocol: str, path: Path, *, partials: bool
) -> AsyncIterator[Event]:
    """Yield the events of a recording; it is decoded as fast as it is recognised.

    Raises:
        BusyError: there are too many streams, or the server stops.
        StreamerError: it cannot be read.
    """
    try:
        async for event in _recognise(service, protocol, path, partials):
            yield event
    except AudioError as error:
        # The name of our copy tells the client nothing.
        what = error.what.replace(str(path), "the recording")
        raise AudioError(what, error.todo) from None


async def _recognise(
    service: Service, protocol: str, path: Path, partials: bool
) -> AsyncIterator[Event]:
    source = DecodingProcess(path)
    settings = service.recogniser(partials=partials)
    with service.stream(protocol, DECODED, settings, live=False) as stream:
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
