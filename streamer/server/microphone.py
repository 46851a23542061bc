"""The server's own microphone, as a stream that others can read."""

from __future__ import annotations

import asyncio
import contextlib

from streamer.audio.capture import Capture, CapturedBlock
from streamer.audio.pcm import PcmFormat
from streamer.audio.sources.source import Source
from streamer.endpointing.settings import RATE_HZ
from streamer.errors import StreamerError
from streamer.server.service import Service
from streamer.server.workers.stream import Stream

#: Name of the stream.
NAME = "microphone"
PROTOCOL = "microphone"
_FORMAT = PcmFormat("f32", RATE_HZ, 1)
_IDLE_S = 0.1


async def serve_microphone(service: Service, source: Source) -> None:
    """Recognise a source and publish it, until it ends or the task is cancelled.

    Args:
        service: the server.
        source: opened and closed here.

    Raises:
        StreamerError: the microphone cannot be used.
    """
    settings = service.recogniser(partials=True, stats=True)
    loop = asyncio.get_running_loop()
    with (
        service.hub.publish(NAME) as broadcast,
        service.stream(PROTOCOL, _FORMAT, settings) as stream,
    ):
        feeding = asyncio.ensure_future(asyncio.to_thread(_capture, source, stream, loop))
        try:
            async for event in stream:
                broadcast.send(event)
            await feeding
        finally:
            source.stop()
            with contextlib.suppress(StreamerError, asyncio.CancelledError):
                await feeding


def _capture(source: Source, stream: Stream, loop: asyncio.AbstractEventLoop) -> None:
    """Feed a stream from another thread; a late recogniser makes gaps, as at a terminal."""
    try:
        with Capture(source, RATE_HZ) as capture:
            for block in capture.blocks(_IDLE_S):
                asyncio.run_coroutine_threadsafe(_feed(block, source, stream), loop).result()
    finally:
        loop.call_soon_threadsafe(stream.finish)


async def _feed(block: CapturedBlock, source: Source, stream: Stream) -> None:
    if block.lost:
        stream.lose(block.lost)
    notices = getattr(source, "notices", ())
    while notices:
        stream.notify(*notices.popleft())
    await stream.feed(block.samples.tobytes())
