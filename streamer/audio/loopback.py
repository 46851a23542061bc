"""What the computer plays, as a source: the monitor of an output of PulseAudio or PipeWire."""

from __future__ import annotations

import json
import os
import sys

from streamer.audio.devices import input_devices
from streamer.audio.sound_server import (
    Ask,
    ServerSource,
    ask_server,
    default_name,
    list_sources,
)
from streamer.audio.sources.microphone import MicrophoneSource
from streamer.errors import DeviceError

_ELSEWHERE = {
    "darwin": (
        "macOS has no monitor of what it plays",
        "install one: brew install blackhole-2ch, send the sound there (Audio MIDI Setup,"
        " Multi-Output Device), and use --device BlackHole",
    ),
    "win32": (
        "--loopback is not available on Windows",
        'switch on "Stereo Mix" in the sound settings, and use --device "Stereo Mix"',
    ),
}


class LoopbackSource(MicrophoneSource):
    """Records a monitor, through the ALSA device of PulseAudio or PipeWire.

    Silence is no fault: perhaps nothing is played.

    Args:
        monitor: which one.
        reconnect_timeout_s: see `MicrophoneSource`.
        keep_warm_s: the same.
        begin_paused: the same.
    """

    silent_device = False

    def __init__(
        self,
        monitor: ServerSource,
        reconnect_timeout_s: float | None = None,
        keep_warm_s: float = 0.0,
        begin_paused: bool = False,
    ) -> None:
        super().__init__(
            give_up_s=None,
            reconnect_timeout_s=reconnect_timeout_s,
            keep_warm_s=keep_warm_s,
            begin_paused=begin_paused,
        )
        self._monitor = monitor
        self._chosen = False

    @property
    def name(self) -> str:
        """Description of the monitor."""
        return self._monitor.description

    def open(self, rate_hz: int) -> None:
        """Open the monitor; see `MicrophoneSource.open`."""
        # libpulse and PipeWire's plugin for ALSA read these when they connect.
        os.environ["PULSE_SOURCE"] = self._monitor.name
        sink = self._monitor.name.removesuffix(".monitor")
        properties = {"target.object": sink, "stream.capture.sink": True}
        os.environ["PIPEWIRE_ALSA"] = json.dumps(properties)
        if not self._chosen:
            names = {device.name for device in input_devices()}
            self.wanted = next((name for name in ("pulse", "pipewire") if name in names), None)
            self._chosen = True
        super().open(rate_hz)


def find_monitor(
    wanted: str | None = None, platform: str = sys.platform, ask: Ask = ask_server
) -> ServerSource:
    """Return the monitor of the default output, or of the one that is named.

    Args:
        wanted: part of its name or description, in any case; None for the default output.
        platform: as in `sys.platform`.
        ask: asks the sound server.

    Raises:
        DeviceError: there is none, or several match.
    """
    if platform in _ELSEWHERE:
        raise DeviceError(*_ELSEWHERE[platform])
    monitors = [s for s in list_sources(ask) if s.name.endswith(".monitor")]
    if not monitors:
        raise DeviceError(
            "PulseAudio and PipeWire offer no monitor", "check: pactl list short sources"
        )
    if wanted is None:
        default = default_name("Sink", ask)
        return next((m for m in monitors if m.name == f"{default}.monitor"), monitors[0])
    text = wanted.strip().lower()
    found = [m for m in monitors if text in f"{m.name} {m.description}".lower()]
    if len(found) == 1:
        return found[0]
    names = ", ".join(monitor.name for monitor in found or monitors)
    what = "several outputs match" if found else "no output is called"
    raise DeviceError(f'{what} "{wanted}"', f"available: {names}")
