"""The real name of the default microphone."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from streamer.audio.sound_server import ask_server, shown_name
from streamer.errors import DeviceError

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux only")

INFO = "Server Name: PulseAudio\nDefault Sink: out\nDefault Source: in.usb-Blue\n"
SOURCES = """Source #0
\tState: IDLE
\tName: in.usb-Blue.monitor
\tDescription: Monitor of something
Source #1
\tName: in.usb-Blue
\tDescription: Blue Yeti Analog Stereo
\tPorts:
\t\tanalog-input: Description: not this
"""


def answers(arguments: Sequence[str]) -> str:
    return {"info": INFO, "list": SOURCES}[arguments[0]]


@pytest.mark.parametrize("name", ["default", "pulse", "pipewire"])
def test_the_default_device_has_the_name_that_the_server_knows(name: str) -> None:
    assert shown_name(name, answers) == "Blue Yeti Analog Stereo"


def test_a_name_that_says_something_stays() -> None:
    assert shown_name("USB Audio (hw:1,0)", answers) == "USB Audio (hw:1,0)"


@pytest.mark.parametrize("info", ["", "Default Source: another\n"])
def test_without_an_answer_the_name_stays(info: str) -> None:
    def other(arguments: Sequence[str]) -> str:
        return info if arguments[0] == "info" else SOURCES

    assert shown_name("default", other) == "default"


def test_without_pactl_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DeviceError, match="pulseaudio-utils"):
        ask_server(["info"])
    assert shown_name("default") == "default"


@pytest.mark.parametrize("script", ["exit 1", "exec sleep 60"])
def test_a_server_that_fails_or_hangs_is_not_reached(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pactl = tmp_path / "pactl"
    pactl.write_text(f"#!/bin/sh\n{script}\n")
    pactl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(DeviceError, match="does not reach"):
        ask_server(["info"], 0.2)
