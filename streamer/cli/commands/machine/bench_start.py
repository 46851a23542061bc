"""``streamer bench``: from ``streamer start`` to the first captured sample."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from typing import Callable

from streamer.audio.sources.microphone import MicrophoneSource
from streamer.endpointing.settings import RATE_HZ
from streamer.errors import DeviceError

#: The aim, in milliseconds.
START_LIMIT_MS = 80.0
_RUNS = 3
#: A microphone that delivers nothing in this time is not measured, in seconds.
_LIMIT_S = 5.0


def report_start() -> None:
    """Print the time from a start to the first sample, cold and warm, if there is a microphone."""
    name = "start to the first sample"
    try:
        cold = [start_ms(MicrophoneSource(begin_paused=True)) for _ in range(_RUNS)]
        warm = start_ms(MicrophoneSource(keep_warm_s=_LIMIT_S), warm=True)
    except DeviceError as error:
        print(f"{name:30} not measured ({error.what})")
        return
    cold_ms = statistics.median(cold)
    verdict = "ok" if cold_ms <= START_LIMIT_MS else "MISSED"
    print(
        f"{name:30} {cold_ms:.0f} ms  (limit: {START_LIMIT_MS:g} ms, {verdict}), warm {warm:.0f} ms"
    )
    print(f"{'streamer start, the process':30} {_client_ms():.0f} ms")


def start_ms(
    source: MicrophoneSource, warm: bool = False, clock: Callable[[], float] = time.monotonic
) -> float:
    """Return the time from `resume` to the first sample, in milliseconds.

    Args:
        source: not open yet; a warm one is opened and paused first.
        warm: whether it is.
        clock: monotonic, in seconds.

    Raises:
        DeviceError: there is no microphone, or it delivers nothing.
    """
    from streamer.audio.capture import Capture

    with Capture(source, RATE_HZ) as capture:
        blocks = capture.blocks(idle_s=0.05)
        deadline_s = clock() + _LIMIT_S
        if warm:
            while source.start_s is None and clock() < deadline_s:
                next(blocks)
            source.pause()
        while not source.at_rest and clock() < deadline_s:
            next(blocks)
        source.resume()
        while source.start_s is None and clock() < deadline_s:
            next(blocks)
    if source.start_s is None:
        raise DeviceError(f'the microphone "{source.name}" delivers nothing', "choose another one")
    return source.start_s * 1000


def _client_ms() -> float:
    """Return how long the process of a key binding takes, in milliseconds; no instance runs."""
    times = []
    for _ in range(_RUNS):
        began_s = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "streamer", "start"],
            # Nowhere: an instance that runs is left alone.
            env={**os.environ, "XDG_RUNTIME_DIR": os.devnull},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        times.append((time.monotonic() - began_s) * 1000)
    return statistics.median(times)
