"""Monitors of what the computer plays: found by name, and a real one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from streamer.audio.loopback import find_monitor
from streamer.audio.sound_server import ServerSource
from streamer.errors import DeviceError
from tests.support.audio.pulse import needs_pulse, virtual_microphone

LISTED = """Source #0
\tState: RUNNING
\tName: alsa_output.pci.analog-stereo.monitor
\tDescription: Monitor of Built-in Audio
Source #1
\tName: alsa_input.pci.analog-stereo
\tDescription: Built-in Audio
Source #2
\tName: alsa_output.usb.monitor
\tDescription: Monitor of  USB Headset
"""


def ask(arguments: Sequence[str]) -> str:
    if arguments[0] == "info":
        return "Server Name: x\nDefault Sink: alsa_output.usb\nDefault Source: y\n"
    return LISTED


def test_without_a_name_it_is_the_monitor_of_the_default_output() -> None:
    expected = ServerSource("alsa_output.usb.monitor", "Monitor of USB Headset")
    assert find_monitor(None, "linux", ask) == expected


def test_an_output_is_found_by_part_of_its_name_or_description() -> None:
    assert find_monitor("built-in", "linux", ask).name == "alsa_output.pci.analog-stereo.monitor"
    with pytest.raises(DeviceError, match='several outputs match "monitor"'):
        find_monitor("monitor", "linux", ask)
    with pytest.raises(DeviceError, match=r'no output is called "hdmi".*alsa_output.usb.monitor'):
        find_monitor("hdmi", "linux", ask)


def test_where_there_is_none_it_says_what_to_install() -> None:
    with pytest.raises(DeviceError, match="blackhole"):
        find_monitor(None, "darwin", ask)
    with pytest.raises(DeviceError, match="Stereo Mix"):
        find_monitor(None, "win32", ask)
    with pytest.raises(DeviceError, match="no monitor"):
        find_monitor(None, "linux", lambda arguments: "")


#: Records the named monitor for as long as there is something on it, and prints its level.
RECORD = """
import sys
import numpy as np
from streamer.audio.loopback import LoopbackSource, find_monitor
source = LoopbackSource(find_monitor(sys.argv[1]))
source.open(16000)
print(source.name, flush=True)
heard = np.zeros(0, np.float32)
while len(heard) < 16000 and (not len(heard) or np.abs(heard).max() < 0.1):
    heard = np.append(heard, source.read()) if len(heard) < 320000 else 1 / 0
print(float(np.abs(heard).max()))
source.close()
"""


@needs_pulse
def test_a_real_monitor_records_what_its_output_plays_and_nothing_else(tmp_path: Path) -> None:
    tone = 0.3 * np.sin(np.arange(48000 * 20) * 0.05)
    soundfile.write(tmp_path / "tone.wav", tone, 48000)
    with virtual_microphone(48000, 1) as microphone:
        for sink in ("speakers", "silent"):
            subprocess.run(
                ["pactl", "load-module", "module-null-sink", f"sink_name={sink}"],
                env=microphone.env, check=True, stdout=subprocess.DEVNULL,
            )  # fmt: skip
        player = subprocess.Popen(
            ["paplay", "--device=speakers", str(tmp_path / "tone.wav")], env=microphone.env
        )
        levels = {}
        for sink in ("speakers", "silent"):
            done = subprocess.run(
                [sys.executable, "-c", RECORD, sink],
                env={**microphone.env, "PYTHONPATH": os.pathsep.join(sys.path)},
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            name, level = done.stdout.splitlines()
            assert name.startswith("Monitor of")
            levels[sink] = float(level)
        player.kill()
        player.wait()
    assert levels["speakers"] > 0.1 and levels["silent"] == 0.0
