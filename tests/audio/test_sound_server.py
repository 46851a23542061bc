"""The real name of the default microphone."""

from __future__ import annotations

import sys

import pytest

from streamer.audio.sound_server import ask_server, shown_name

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


def answers(*arguments: str) -> str:
    return {"info": INFO, "list": SOURCES}[arguments[0]]


@pytest.mark.parametrize("name", ["default", "pulse", "pipewire"])
def test_the_default_device_has_the_name_that_the_server_knows(name: str) -> None:
    assert shown_name(name, answers) == "Blue Yeti Analog Stereo"


def test_a_name_that_says_something_stays() -> None:
    assert shown_name("USB Audio (hw:1,0)", answers) == "USB Audio (hw:1,0)"


@pytest.mark.parametrize("info", ["", "Default Source: another\n"])
def test_without_an_answer_the_name_stays(info: str) -> None:
    assert shown_name("default", lambda what, *_: info if what == "info" else SOURCES) == "default"


def test_without_pactl_nothing_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert ask_server("info") == ""
