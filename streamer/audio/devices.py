"""Which microphones there are, and which of them is meant."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from streamer.audio import portaudio
from streamer.errors import DeviceError

_LIST_THEM = "see which there are: streamer devices"


@dataclass(frozen=True)
class Device:
    """A device that can record.

    Attributes:
        number: PortAudio's number for it.
        name: its name.
        host: the system it belongs to: "ALSA", "Core Audio", "Windows WASAPI".
        channels: how many it has at most.
        rate_hz: its own rate.
        default: whether it is the one used when none is named.
        takes_model_rate: whether it can be opened at the model's rate in
            mono; None where that was not tried.
    """

    number: int
    name: str
    host: str
    channels: int
    rate_hz: float
    default: bool = False
    takes_model_rate: bool | None = None


def input_devices() -> list[Device]:
    """All devices that can record.

    Raises:
        DeviceError: there is no PortAudio.
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
    """All devices that can record, and whether each takes the model's rate; opens each shortly.

    Raises:
        DeviceError: there is no PortAudio.
    """
    return [
        replace(device, takes_model_rate=takes(device, model_rate_hz, 1))
        for device in input_devices()
    ]


def takes(device: Device, rate_hz: float, channels: int) -> bool:
    """Whether a device can be opened like this; false too while another program holds it."""
    sounddevice = portaudio.load()
    try:
        sounddevice.check_input_settings(
            device=device.number, channels=channels, samplerate=rate_hz, dtype="float32"
        )
    except (sounddevice.PortAudioError, ValueError):
        return False
    return True


def find_device(devices: Sequence[Device], wanted: int | str | None) -> Device:
    """The device that is meant.

    Args:
        devices: what `input_devices` returned.
        wanted: its number, its name or a part of it (capitals do not matter);
            None for the default one.

    Raises:
        DeviceError: there is none, or several match.
    """
    if not devices:
        raise DeviceError("there is no microphone", _how_to_get_one(sys.platform))
    if wanted is None:
        return next((device for device in devices if device.default), devices[0])
    text = str(wanted).strip()
    if text.isdigit():
        for device in devices:
            if device.number == int(text):
                return device
    matches = _matching(devices, text)
    if not matches:
        raise DeviceError(f'there is no microphone "{text}"', _suggest(devices, text))
    if len({device.name for device in matches}) > 1:
        names = ", ".join(f"{device.number} {device.name}" for device in matches)
        raise DeviceError(f'"{text}" may mean several microphones', f"give a number: {names}")
    # One microphone may be reached through several systems (Windows has four).
    hosts = [device.host for device in devices if device.default]
    return next((device for device in matches if device.host in hosts), matches[0])


def _matching(devices: Sequence[Device], text: str) -> list[Device]:
    """The devices of this name; else those whose name has all of its words."""
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
    return "there are: " + ", ".join(close) + more


def _how_to_get_one(platform: str) -> str:
    todo = "plug one in, or transcribe a recording: streamer transcribe FILE"
    if platform.startswith("linux"):
        return f"{todo} (for PulseAudio or PipeWire ALSA's plugin is needed: libasound2-plugins)"
    return todo
