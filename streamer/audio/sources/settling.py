"""Bluetooth headsets: after opening they deliver zeros while they change to their microphone."""

from __future__ import annotations

import re
from collections import deque
from typing import Callable

import numpy as np

from streamer.arrays import FloatArray
from streamer.audio.sources.absence import DeviceNotice

#: From this long on, somebody may have begun to speak, in seconds.
_NOTICED_S = 0.3

#: Names of headsets for two ways: Bluetooth's profiles, and makes that have no cable.
_BLUETOOTH = re.compile(r"bluetooth|bluez|headset|hands-?free|airpods|\bbuds\b|\bhfp\b", re.I)


class Settling:
    """Notices how long a device delivers zeros after it was opened.

    Args:
        rate_hz: of the samples.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._zeros = 0
        self._settled = False

    def feed(
        self, samples: FloatArray, name: Callable[[], str], notices: deque[DeviceNotice]
    ) -> None:
        """Take samples, float32 (n,); add a notice when a headset is ready late.

        Other devices that begin with silence are gates, or have nothing to play: nobody
        waits for them.
        """
        if self._settled or not len(samples):
            return
        sounds = np.flatnonzero(samples)
        self._settled = len(sounds) > 0
        self._zeros += int(sounds[0]) if self._settled else len(samples)
        seconds = self._zeros / self._rate_hz
        if self._settled and seconds >= _NOTICED_S and _BLUETOOTH.search(name()):
            what = f"{name()} was ready after {seconds:.1f} s: what was said before is lost"
            notices.append(DeviceNotice(what, "--keep-warm keeps it ready between starts"))
