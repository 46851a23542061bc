"""How many messages of one client are read in a second, so that a flood costs the others little."""

from __future__ import annotations

import asyncio
import time
from typing import Callable

#: Messages in a second. A client in real time sends 10 to 100; at twenty times real time, in
#: messages of 20 ms, 1,000. Reading one takes about 0.1 ms.
MESSAGES_PER_S = 1000
#: Messages that may come at once.
BURST = 100


class Pace:
    """The messages of one client, read no faster than `MESSAGES_PER_S`.

    What is not read yet waits in the client: the connection takes no more of it.

    Args:
        clock: monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._count = 0
        self._since = clock()

    async def next(self) -> None:
        """Wait for the turn of the next message; others have theirs meanwhile."""
        self._count += 1
        wait_s = 0.0
        if self._count == BURST:
            now = self._clock()
            wait_s = max(0.0, self._since + BURST / MESSAGES_PER_S - now)
            self._count, self._since = 0, now + wait_s
        await asyncio.sleep(wait_s)
