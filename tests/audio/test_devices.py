"""Finding a microphone, and the messages if there is none."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path
from typing import Any

import pytest

from streamer.audio import portaudio
from streamer.audio.devices import Device, _how_to_get_one, find_again, find_device
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


def test_a_device_that_comes_back_is_known_by_its_name_though_its_number_and_place_changed() -> (
    None
):
    before = Device(3, "Blue Yeti (hw:1,0)", "ALSA", 1, 44100.0)
    again = Device(8, "Blue Yeti (hw:2,0)", "ALSA", 1, 44100.0)
    assert find_again([*devices(), again], 3, before) == again
    assert find_again([*devices(), again], "yeti", before) == again


def test_a_number_is_not_a_device_that_comes_back_under_it() -> None:
    # Another device may have got the number of the one that went away.
    before = Device(5, "Blue Yeti", "ALSA", 1, 44100.0)
    for wanted in (5, "5"):
        with pytest.raises(DeviceError, match='the microphone "Blue Yeti" is gone'):
            find_again(devices(), wanted, before)


def test_a_name_finds_another_device_that_fits_it() -> None:
    before = Device(5, "Blue Yeti", "ALSA", 1, 44100.0)
    assert find_again(devices(), "headset", before).number == 5


@pytest.mark.parametrize(("platform", "plugins"), [("linux", True), ("darwin", False)])
def test_without_a_device_there_is_what_to_do_on_this_system(platform: str, plugins: bool) -> None:
    todo = _how_to_get_one(platform)
    assert "streamer transcribe FILE" in todo and ("libasound2-plugins" in todo) == plugins


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise OSError('no libportaudio')", "cannot be loaded .no libportaudio"),
        ("raise ImportError('no cffi')", "needs sounddevice .no cffi"),
        (
            "class PortAudioError(Exception): pass\nraise PortAudioError('no host')",
            "PortAudio does not start .no host",
        ),
    ],
)
def test_what_keeps_portaudio_from_starting_is_told(
    body: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sounddevice.py").write_text(body)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    with pytest.raises(DeviceError, match=said):
        portaudio.load()


def test_another_error_of_its_import_is_not_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sounddevice.py").write_text("raise ZeroDivisionError")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    with pytest.raises(ZeroDivisionError):
        portaudio.load()
