"""A blocking stream of events as an asynchronous one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Callable

from streamer.events import Event


async def iterate_in_thread(
    events: Generator[Event, None, None], stop: Callable[[], None]
) -> AsyncGenerator[Event, None]:
    """Iterate in a thread of its own, one event at a time.

    The next event is computed when it is asked for, so a slow consumer slows
    down a recording and makes a live source wait in its ring buffer. However
    the iteration ends (cancelled, closed, an error), the stream is stopped and
    its source closed before this generator ends.

    Args:
        events: the blocking stream.
        stop: makes it end soon; called from the event loop's thread.

    Raises:
        StreamerError: whatever the stream raises.
    """
    loop = asyncio.get_running_loop()
    executor = ThreadPoolExecutor(1, thread_name_prefix="streamer events")
    try:
        while True:
            event = await loop.run_in_executor(executor, next, events, None)
            if event is None:
                return
            yield event
    finally:
        stop()
        # The only worker: closing comes after the call that a cancellation left running.
        closed = loop.run_in_executor(executor, events.close)
        executor.shutdown(wait=False)
        await closed
