"""The server's own microphone, here a recording that cannot wait."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import pytest

from streamer.audio.sources.array import ArraySource
from streamer.errors import DeviceError
from streamer.events import Event, Final, Gap, Notice
from tests.server.running import PACKAGES
from tests.server.speech import RATE_HZ, sample, sample_words

for package in PACKAGES:
    pytest.importorskip(package)

from streamer.server.microphone import NAME, serve_microphone  # noqa: E402
from streamer.server.service import Service  # noqa: E402
from streamer.server.settings import ServerSettings  # noqa: E402


class Microphone(ArraySource):
    """A source that loses samples before its end, has something to say, and may fail."""

    def __init__(self, failure: Exception | None = None) -> None:
        super().__init__(sample(), RATE_HZ)
        self.notices = deque([("the microphone is loud", "turn it down")])
        self._failure = failure

    def read(self) -> Any:
        block = super().read()
        if block is None and self._failure is not None:
            raise self._failure
        return block


async def listen(source: Microphone) -> list[Event]:
    service = Service(ServerSettings(workers=1))
    await service.pool.start()
    events: list[Event] = []

    async def read() -> None:
        while (broadcast := service.hub.find(NAME)) is None:
            await asyncio.sleep(0)
        async for event in broadcast.read(60.0):
            if event is not None:
                events.append(event)

    reader = asyncio.ensure_future(read())
    try:
        await serve_microphone(service, source)
    finally:
        await reader
        await service.pool.close()
        assert service.hub.names == [] and service.pool.streams == []
    return events


def test_readers_get_its_words_and_what_it_has_to_say() -> None:
    events = asyncio.run(asyncio.wait_for(listen(Microphone()), 120))
    assert " ".join(e.text for e in events if isinstance(e, Final)) == sample_words()
    assert [e.what for e in events if isinstance(e, Notice)] == ["the microphone is loud"]
    assert not [e for e in events if isinstance(e, Gap)]


def test_a_microphone_that_fails_is_an_error_after_all_words() -> None:
    source = Microphone(DeviceError("the microphone is gone", "connect it"))
    with pytest.raises(DeviceError, match="gone"):
        asyncio.run(asyncio.wait_for(listen(source), 120))
