"""How fast one client's messages are read."""

from __future__ import annotations

import asyncio

import pytest

from streamer.server import pace
from streamer.server.pace import BURST, MESSAGES_PER_S, Pace


class Time:
    """A clock that only `sleep` and the test move."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(pace.asyncio, "sleep", time.sleep)
    return time


async def _read(time: Time, messages: int, every_s: float) -> float:
    """Read messages that come at intervals; return how long that took, in seconds."""
    turns, begin_s = Pace(time), time.now_s
    for _ in range(messages):
        time.now_s += every_s
        await turns.next()
    return time.now_s - begin_s


@pytest.mark.parametrize("messages", [BURST - 1, 1000, 5000])
def test_a_flood_is_read_no_faster_than_the_rate(time: Time, messages: int) -> None:
    took_s = asyncio.run(_read(time, messages, 0.0))
    assert took_s == pytest.approx(messages // BURST * BURST / MESSAGES_PER_S)


def test_clients_in_real_time_never_wait(time: Time) -> None:
    for every_s in (0.1, 0.02, 0.01, 1.01 / MESSAGES_PER_S):
        assert asyncio.run(_read(time, 1000, every_s)) == pytest.approx(1000 * every_s)


def test_silence_saves_up_no_more_than_a_burst(time: Time) -> None:
    async def after_silence() -> float:
        turns = Pace(time)
        await turns.next()
        time.now_s += 3600
        begin_s = time.now_s
        for _ in range(1000):
            await turns.next()
        return time.now_s - begin_s

    least_s = (1000 - 2 * BURST) / MESSAGES_PER_S
    assert asyncio.run(after_silence()) >= least_s
