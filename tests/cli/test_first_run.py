"""What ``make run`` starts: the microphone, or the sample where there is none."""

from __future__ import annotations

import sys
from typing import Any

import pytest

import streamer.cli.app
from streamer.audio import devices
from streamer.cli.first_run import main
from streamer.errors import DeviceError


def _no_portaudio() -> list[Any]:
    raise DeviceError("PortAudio is not installed", "install it")


@pytest.mark.parametrize(
    ("found", "arguments", "said"),
    [
        (lambda: ["a microphone"], [], ""),
        (lambda: [], ["demo"], "no microphone found; transcribing the bundled sample instead:\n"),
        (
            _no_portaudio,
            ["demo"],
            "PortAudio is not installed - install it; transcribing the bundled sample instead:\n",
        ),
    ],
)
def test_it_listens_or_plays_the_sample(
    found: Any,
    arguments: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(devices, "input_devices", found)
    monkeypatch.setattr(streamer.cli.app, "main", lambda: started.append(sys.argv[1:]))
    monkeypatch.setattr(sys, "argv", ["first_run"])
    main()
    assert started == [arguments]
    assert capsys.readouterr().err == said
