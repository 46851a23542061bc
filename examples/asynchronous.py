"""Transcribe in an asyncio program, beside other tasks.

python examples/asynchronous.py [RECORDING]    # the microphone without RECORDING
"""

import asyncio
import sys

from streamer import Final, Transcriber


async def transcribe() -> None:
    """Print every final."""
    with Transcriber() as transcriber:
        events = transcriber.atranscribe(sys.argv[1]) if sys.argv[1:] else transcriber.alisten()
        async for event in events:
            if isinstance(event, Final):
                print(event.text)


async def tick() -> None:
    """Do something else meanwhile."""
    while True:
        await asyncio.sleep(0.1)
        print(".", end="", file=sys.stderr, flush=True)


async def main() -> None:
    """Run both until the transcript ends."""
    ticking = asyncio.create_task(tick())
    await transcribe()
    ticking.cancel()


asyncio.run(main())
