"""Finding a microphone, and the messages if there is none."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import pytest

from streamer.audio import portaudio
from streamer.audio.devices import Device, find_device
from streamer.errors import DeviceError


def devices() -> list[Device]:
    return [
        Device(0, "Built-in Audio", "ALSA", 2, 48000.0),
        Device(2, "USB Microphone", "ALSA", 1, 44100.0, default=True),
        Device(5, "USB Headset", "ALSA", 1, 16000.0),
        Device(7, "Jabra 410", "MME", 1, 44100.0),
        Device(9, "Jabra 410", "ALSA", 1, 48000.0),
    ]


@pytest.mark.parametrize(("wanted", "number"), [
    (None, 2), (0, 0), ("5", 5), (" 5 ", 5), ("usb microphone", 2), ("headset", 5),
    ("built", 0), ("usb head", 5), ("410", 9), ("jabra mme", 7),
])  # fmt: skip
def test_a_device_is_found_by_number_name_or_part_of_it(wanted: Any, number: int) -> None:
    assert find_device(devices(), wanted).number == number


def test_an_unknown_device_is_answered_with_the_available_ones() -> None:
    with pytest.raises(DeviceError) as caught:
        find_device(devices(), "USB Mikrophone")
    assert caught.value.what == 'no microphone is called "USB Mikrophone"'
    assert "USB Microphone" in caught.value.todo
    with pytest.raises(DeviceError, match="Built-in Audio"):
        find_device(devices(), 33)
    with pytest.raises(DeviceError, match="no microphone"):
        find_device(devices(), "")


def test_several_devices_of_that_name_are_distinguished_by_number() -> None:
    with pytest.raises(DeviceError, match="2 USB Microphone, 5 USB Headset"):
        find_device(devices(), "usb")


def test_a_machine_without_a_microphone_is_told_what_to_do() -> None:
    with pytest.raises(DeviceError, match="no microphone found - connect one, or transcribe"):
        find_device([], None)


def test_without_a_default_the_first_device_is_used() -> None:
    assert find_device(devices()[:1], None).number == 0


def test_a_missing_portaudio_library_is_one_line_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real_import = builtins.__import__

    def broken_import(name: str, *args: Any, **more: Any) -> Any:
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return real_import(name, *args, **more)

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(builtins, "__import__", broken_import)
    with pytest.raises(DeviceError) as caught:
        portaudio.load()
    assert "PortAudio library not found" in caught.value.what
    assert "\n" not in str(caught.value)


def test_each_system_has_its_own_remedy() -> None:
    assert "libportaudio2" in portaudio.how_to_install("linux")
    assert "brew" in portaudio.how_to_install("darwin")
    assert "pip" in portaudio.how_to_install("win32")
    assert "Privacy" in portaudio.privacy_hint("darwin")
    assert "muted" in portaudio.privacy_hint("linux")


def test_a_busy_device_has_another_message_than_one_that_refuses() -> None:
    busy = portaudio.explain(
        RuntimeError("Error opening InputStream: Device unavailable", -9985), "USB Microphone"
    )
    assert "in use by another program" in busy.what and "USB Microphone" in busy.what
    refused = portaudio.explain(
        RuntimeError("Error opening InputStream: Unanticipated host error", -9999, (8, -5, "I/O"))
    )
    assert "cannot be opened" in refused.what and "\n" not in str(refused)
