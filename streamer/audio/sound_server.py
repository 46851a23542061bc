"""What PulseAudio or PipeWire knows about its sources, asked through ``pactl``, part of both."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable

from streamer.errors import DeviceError

#: Names under which ALSA leads to the server's default device.
GENERIC = frozenset(["default", "sysdefault", "pulse", "pipewire"])
#: A server that takes longer than this many seconds does not answer.
ANSWER_WITHIN_S = 5.0
#: The same while a name is looked up for the screen only.
NAME_WITHIN_S = 1.0

#: Returns what ``pactl`` prints when it is called with these arguments.
Ask = Callable[[Sequence[str]], str]


@dataclass(frozen=True)
class ServerSource:
    """A source of the sound server: a microphone, or the monitor of an output.

    Attributes:
        name: for the sound server.
        description: for people.
    """

    name: str
    description: str


def ask_server(arguments: Sequence[str], within_s: float = ANSWER_WITHIN_S) -> str:
    """Return what ``pactl`` prints.

    Raises:
        DeviceError: it is missing, fails or hangs.
    """
    try:
        done = subprocess.run(
            ["pactl", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            timeout=within_s,
            check=True,
        )
    except FileNotFoundError:
        raise DeviceError(
            "pactl is not installed", "install it: sudo apt install pulseaudio-utils"
        ) from None
    except (OSError, subprocess.SubprocessError):
        raise DeviceError(
            "pactl does not reach PulseAudio or PipeWire", "check that one is running"
        ) from None
    return done.stdout.decode("utf-8", "replace")


def list_sources(ask: Ask = ask_server) -> list[ServerSource]:
    """Return the server's sources, monitors included.

    Raises:
        DeviceError: it does not answer.
    """
    sources, name = [], ""
    for line in ask(["list", "sources"]).splitlines():
        key, _, value = line.strip().partition(": ")
        if key == "Name":
            name = value
        elif key == "Description" and name:
            sources.append(ServerSource(name, " ".join(value.split())))
            name = ""
    return sources


def default_name(what: str, ask: Ask = ask_server) -> str:
    """Return the name of the default "Source" or "Sink", or nothing if there is none.

    Raises:
        DeviceError: the server does not answer.
    """
    found = re.search(rf"^Default {what}: (.+)$", ask(["info"]), re.M)
    return found[1].strip() if found else ""


def _ask_quickly(arguments: Sequence[str]) -> str:
    return ask_server(arguments, NAME_WITHIN_S)


def shown_name(name: str, ask: Ask = _ask_quickly) -> str:
    """Return a device's name as the user knows it.

    PortAudio sees the server's devices through ALSA, where the default one is called "default" or
    "pulse" whatever it is. The server knows it as "Blue Yeti Analog Stereo".

    Args:
        name: the name that PortAudio has for it.
        ask: asks the sound server.
    """
    if name not in GENERIC or not sys.platform.startswith("linux"):
        return name
    try:
        default = default_name("Source", ask)
        sources = list_sources(ask) if default else []
    except DeviceError:
        return name
    return next((s.description for s in sources if s.name == default), name)
