"""A Bluetooth headset that is ready late is said; other silence is not."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from streamer.audio.sources.absence import DeviceNotice
from streamer.audio.sources.settling import Settling


def notices(name: str, *pieces: tuple[float, float]) -> list[DeviceNotice]:
    """Feed pieces of some seconds and a value each."""
    said: deque[DeviceNotice] = deque()
    settling = Settling(16000)
    for seconds, value in pieces:
        settling.feed(np.full(round(16000 * seconds), value, np.float32), lambda: name, said)
    return list(said)


@pytest.mark.parametrize(
    "name", ["AirPods Pro", "Bluetooth headset", "bluez_input.00", "Pixel Buds"]
)
def test_a_headset_that_is_ready_late_is_said_once(name: str) -> None:
    (notice,) = notices(name, (1.0, 0.0), (0.4, 0.0), (0.1, 0.2), (2.0, 0.0), (0.1, 0.2))
    assert f"{name} was ready after 1.4 s" in notice.what and "--keep-warm" in notice.todo


def test_a_short_silence_is_nothing() -> None:
    assert notices("AirPods", (0.25, 0.0), (0.1, 0.2)) == []


def test_other_devices_may_begin_with_silence() -> None:
    assert notices("Monitor of Built-in Audio", (2.0, 0.0), (0.1, 0.2)) == []


def test_silence_without_end_is_not_said_here() -> None:
    assert notices("AirPods", (5.0, 0.0)) == []
