"""Clients of ``streamer serve`` that do not behave.

    python -m benchmarks.misbehaving_clients PORT NAME

Each runs until it is ended. It has a process of its own, with a lower priority than the server and
the clients that are measured: elsewhere it would be another machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys

import numpy as np
import websockets

RATE_HZ = 16000
#: Audio in a message, in seconds: what browsers and satellites send.
MESSAGE_S = 0.064
BYTES_PER_S = 2 * RATE_HZ
#: Added to the priority of the process (nice).
NICENESS = 10


async def flood(port: int) -> None:
    """Send as fast as the server takes it."""
    noise = np.random.default_rng(0).integers(-8000, 8000, RATE_HZ, np.int16).tobytes()
    async with websockets.connect(_url(port), compression=None) as socket:
        while True:
            await socket.send(noise)


async def single_samples(port: int) -> None:
    """Send one sample a message, as fast as the server takes them."""
    async with websockets.connect(_url(port), compression=None) as socket:
        while True:
            await socket.send(b"\x10\x00")


async def garbage(port: int) -> None:
    """Send nonsense, again and again."""
    dice = random.Random(0)
    while True:
        with contextlib.suppress(websockets.ConnectionClosed):
            async with websockets.connect(f"ws://127.0.0.1:{port}/") as socket:
                await socket.send(dice.randbytes(5000))
                await socket.send(dice.choice(["{", "[]", '{"config": 1}']))
                await socket.recv()
                await socket.recv()
        await asyncio.sleep(0.05)


async def deaf(port: int) -> None:
    """Send at the usual pace and never read."""
    async with websockets.connect(f"{_url(port)}?stats=true") as socket:
        socket.transport.pause_reading()
        while True:
            await socket.send(bytes(int(MESSAGE_S * BYTES_PER_S)))
            await asyncio.sleep(MESSAGE_S)


async def vanish(port: int) -> None:
    """Connect, speak, and go without a word, again and again."""
    while True:
        socket = await websockets.connect(_url(port))
        await socket.send(bytes(BYTES_PER_S))
        socket.transport.abort()
        await asyncio.sleep(0.1)


def _url(port: int) -> str:
    return f"ws://127.0.0.1:{port}/v1/listen"


CLIENTS = {each.__name__: each for each in (flood, single_samples, garbage, deaf, vanish)}


async def again(port: int, name: str) -> None:
    """Run a client; what the server lets go connects again."""
    while True:
        with contextlib.suppress(websockets.ConnectionClosed, websockets.InvalidStatus):
            await CLIENTS[name](port)
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    os.nice(NICENESS)
    asyncio.run(again(int(sys.argv[1]), sys.argv[2]))
