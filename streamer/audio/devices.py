"""List microphones, and find one by number or name."""

from __future__ import annotations

import contextlib
import difflib
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from streamer.audio import portaudio
from streamer.errors import DeviceError

_LIST_THEM = "list them all: streamer devices"


@dataclass(frozen=True)
class Device:
    """A device that can record.

    Attributes:
        number: PortAudio's number for it.
        name: its name.
        host: its audio system: "ALSA", "Core Audio", "Windows WASAPI".
        channels: maximum number of channels.
        rate_hz: its default rate.
        default: whether it is the default device.
        takes_model_rate: whether it can be opened at the model's rate in
            mono; None if that was not tried.
    """

    number: int
    name: str
    host: str
    channels: int
    rate_hz: float
    default: bool = False
    takes_model_rate: bool | None = None


def input_devices() -> list[Device]:
    """Return all devices that can record.

    Raises:
        DeviceError: PortAudio is not available.
    """
    sounddevice = portaudio.load()
    try:
        hosts = sounddevice.query_hostapis()
        infos = sounddevice.query_devices()
    except sounddevice.PortAudioError as error:
        raise portaudio.explain(error) from None
    try:
        default = sounddevice.query_devices(kind="input")["index"]
    except (sounddevice.PortAudioError, ValueError):
        default = None
    return [
        Device(
            number=number,
            name=" ".join(str(info["name"]).split()),
            host=str(hosts[info["hostapi"]]["name"]),
            channels=int(info["max_input_channels"]),
            rate_hz=float(info["default_samplerate"]),
            default=number == default,
        )
        for number, info in enumerate(infos)
        if info["max_input_channels"] > 0
    ]


def list_devices(model_rate_hz: int = 16000) -> list[Device]:
    """Return all devices that can record, and try whether each takes the model's rate.

    Raises:
        DeviceError: PortAudio is not available.
    """
    return [
        replace(device, takes_model_rate=takes(device, model_rate_hz, 1))
        for device in input_devices()
    ]


def takes(device: Device, rate_hz: float, channels: int) -> bool:
    """Whether a device can be opened like this; also false while another program uses it."""
    sounddevice = portaudio.load()
    try:
        sounddevice.check_input_settings(
            device=device.number, channels=channels, samplerate=rate_hz, dtype="float32"
        )
    except (sounddevice.PortAudioError, ValueError):
        return False
    return True


def find_device(devices: Sequence[Device], wanted: int | str | None) -> Device:
    """Return the device with a number or name.

    Args:
        devices: what `input_devices` returned.
        wanted: number, name or part of the name, in any case; None for the
            default device.

    Raises:
        DeviceError: none matches, or several do.
    """
    if not devices:
        raise DeviceError("no microphone found", _how_to_get_one(sys.platform))
    if wanted is None:
        return next((device for device in devices if device.default), devices[0])
    text = str(wanted).strip()
    if text.isdigit():
        for device in devices:
            if device.number == int(text):
                return device
    matches = _matching(devices, text)
    if not matches:
        raise DeviceError(f'no microphone is called "{text}"', _suggest(devices, text))
    if len({device.name for device in matches}) > 1:
        names = ", ".join(f"{device.number} {device.name}" for device in matches)
        raise DeviceError(f'several microphones match "{text}"', f"give a number: {names}")
    # A microphone may be available through several audio systems (Windows has four).
    hosts = [device.host for device in devices if device.default]
    return next((device for device in matches if device.host in hosts), matches[0])


def find_again(
    devices: Sequence[Device], wanted: int | str | None, before: Device | None
) -> Device:
    """Return the device that was in use before it went away.

    Numbers change when devices come and go, and so does the place that ALSA
    appends to a name, "(hw:1,0)".

    Args:
        devices: what `input_devices` returned.
        wanted: what the user asked for; None for the default device, which may
            be another one by now.
        before: the device in use; None if there was none.

    Raises:
        DeviceError: it is not there.
    """
    if wanted is None or before is None:
        return find_device(devices, wanted)
    names = [before.name, re.sub(r" \(hw:.*\)$", "", before.name)]
    if not str(wanted).strip().isdigit():
        names.append(str(wanted))
    for name in dict.fromkeys(names):
        with contextlib.suppress(DeviceError):
            return find_device(devices, name)
    raise DeviceError(f'the microphone "{before.name}" is gone', "connect it and start again")


def _matching(devices: Sequence[Device], text: str) -> list[Device]:
    """Return the devices of this name, or else those whose name contains all its words."""
    lower = text.lower()
    exact = [device for device in devices if device.name.lower() == lower]
    if exact or not lower:
        return exact
    return [
        device
        for device in devices
        if all(word in f"{device.name} {device.host}".lower() for word in lower.split())
    ]


def _suggest(devices: Sequence[Device], text: str) -> str:
    names = list(dict.fromkeys(device.name for device in devices))
    close = difflib.get_close_matches(text, names, n=3, cutoff=0.5) or names[:5]
    more = "" if len(names) <= len(close) else f"; {_LIST_THEM}"
    return "available: " + ", ".join(close) + more


def _how_to_get_one(platform: str) -> str:
    todo = "connect one, or transcribe a recording: streamer transcribe FILE"
    if platform.startswith("linux"):
        return (
            f"{todo} (PulseAudio and PipeWire need ALSA's plugins: apt install libasound2-plugins)"
        )
    return todo
