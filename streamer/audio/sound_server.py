"""The real name of a microphone behind PulseAudio or PipeWire.

PortAudio sees their devices through ALSA, where the default one is called "default" or
"pulse" whatever it is. The server knows it as "Blue Yeti Analog Stereo"; `pactl`, part of
both, asks it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Callable

#: Names under which ALSA leads to the server's default device.
GENERIC = frozenset(["default", "sysdefault", "pulse", "pipewire"])
#: How long the server may take to answer, in seconds.
ANSWER_WITHIN_S = 1.0


def ask_server(*arguments: str) -> str:
    """Return what ``pactl`` prints; nothing without it or a server."""
    try:
        done = subprocess.run(
            ["pactl", *arguments],
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=ANSWER_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def shown_name(name: str, ask: Callable[..., str] = ask_server) -> str:
    """Return a device's name as the user knows it.

    Args:
        name: the name that PortAudio has for it.
        ask: asks the sound server.
    """
    if name not in GENERIC or not sys.platform.startswith("linux"):
        return name
    default = re.search(r"^Default Source: (.+)$", ask("info"), re.M)
    if default is None:
        return name
    for source in re.split(r"^Source #", ask("list", "sources"), flags=re.M):
        if re.search(rf"^\s*Name: {re.escape(default[1])}$", source, re.M):
            found = re.search(r"^\s*Description: (.+)$", source, re.M)
            return found[1].strip() if found else name
    return name
