"""Stops of the program and of the sound system, on a real microphone.

The microphone plays noise that never repeats, so a piece of the recording tells
which moment it was recorded at.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from streamer.arrays import FloatArray
from tests.support.audio.pulse import VirtualMicrophone, needs_pulse, virtual_microphone
from tests.support.terminal.command_line import LIMIT_S

#: The default microphone, by the name that the sound server gives it where it can be asked.
DEFAULT = "(default|Monitor of .+)"
RATE_HZ = 16000

#: Moments may differ by this much: blocks of 20 ms, on a machine that others use too.
TOLERANCE_S = 0.1

PROGRAM = r"""
import json, sys, threading
import numpy as np
from streamer.audio.capture import Capture
from streamer.audio.sources.microphone import MicrophoneSource
from streamer.errors import DeviceError

source = MicrophoneSource(give_up_s=None, **json.loads(sys.argv[2]))
parts, gaps, notices, error = [], [], [], ""

def obey(capture):
    for line in sys.stdin:
        if line == "stop\n":
            break
        print(json.dumps([sum(map(len, parts)), gaps, notices]), flush=True)
    capture.stop()

try:
    with Capture(source) as capture:
        threading.Thread(target=obey, args=(capture,), daemon=True).start()
        for block in capture.blocks(idle_s=0.05):
            if block.lost:
                gaps.append([block.position - block.lost, block.lost])
                parts.append(np.zeros(block.lost, np.float32))
            parts.append(block.samples)
            while source.notices:
                notices.append(source.notices.popleft().what)
except DeviceError as caught:
    error = str(caught)
np.save(sys.argv[1], np.concatenate(parts))
print(json.dumps({"gaps": gaps, "notices": notices, "error": error}), flush=True)
"""


class Recorder:
    """A process that records from a virtual microphone, gaps as zeros."""

    def __init__(self, microphone: VirtualMicrophone, target: Path, **options: Any) -> None:
        self._target = target
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(target), json.dumps(options)],
            env=microphone.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def tell(self) -> tuple[int, list[list[int]], list[str]]:
        """Return how many samples it has, its gaps and its notices."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("tell\n")
        self.process.stdin.flush()
        samples, gaps, notices = json.loads(self.process.stdout.readline())
        return samples, gaps, notices

    def wait_for_more(self, seconds: float) -> None:
        """Return when it has recorded this much more."""
        wanted = self.tell()[0] + seconds * RATE_HZ
        self.wait_until(lambda samples, *_: samples >= wanted)

    def wait_until(self, condition: Any) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not condition(*self.tell()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the recorder does not get on: {self.tell()}")
            time.sleep(0.05)

    def finish(self) -> tuple[FloatArray, dict[str, Any]]:
        """Stop it; return its samples and its report."""
        out, _ = self.process.communicate("stop\n", timeout=LIMIT_S)
        return np.load(self._target), json.loads(out.splitlines()[-1])


def place(piece: FloatArray, whole: FloatArray) -> int:
    """Return where a piece of a recording was played."""
    n = 1 << (len(piece) + len(whole)).bit_length()
    product = np.fft.irfft(np.fft.rfft(whole, n) * np.conj(np.fft.rfft(piece, n)), n)
    start = int(np.argmax(product[: len(whole)]))
    alike = np.corrcoef(whole[start : start + len(piece)], piece)[0, 1]
    assert alike > 0.5, f"not found in what was played ({alike:.2f})"
    return start


def moment_error_s(heard: FloatArray, played: FloatArray, before: int, after: int) -> float:
    """How wrong the time between two places of a recording is; half a second each."""
    half = RATE_HZ // 2
    then = place(heard[before : before + half], played)
    now = place(heard[after : after + half], played)
    return ((after - before) - (now - then)) / RATE_HZ


@pytest.fixture()
def microphone() -> Iterator[VirtualMicrophone]:
    with virtual_microphone(RATE_HZ, 1) as made:
        yield made


def play_noise(microphone: VirtualMicrophone, folder: Path, seconds: float) -> Any:
    """Play noise until the microphone is gone; return it and its player."""
    noise = 0.2 * np.random.default_rng(1).standard_normal(round(seconds * RATE_HZ))
    soundfile.write(folder / "noise.wav", noise, RATE_HZ)
    return noise.astype(np.float32), microphone.start_speaking(folder / "noise.wav")


@needs_pulse
@pytest.mark.parametrize("seconds", [
    1.0, 6.0, *(pytest.param(s, marks=pytest.mark.slow) for s in (2.5, 4.5, 15.0, 60.0)),
])  # fmt: skip
@pytest.mark.parametrize("daemon_too", [False, True], ids=["program", "program and daemon"])
def test_after_a_stop_the_stream_goes_on_with_one_gap_of_its_length(
    seconds: float, daemon_too: bool, microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    noise, player = play_noise(microphone, tmp_path, seconds + 30)
    recorder = Recorder(microphone, tmp_path / "heard.npy")
    recorder.wait_for_more(1.5)
    stopped = [recorder.process, microphone.daemon] if daemon_too else [recorder.process]
    began = time.monotonic()
    for process in stopped:
        process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)  # this much has to pass
    for process in reversed(stopped):
        process.send_signal(signal.SIGCONT)
    stopped_s = time.monotonic() - began
    recorder.wait_for_more(2.0)
    heard, report = recorder.finish()
    player.kill()
    player.wait()
    assert (report["error"], report["notices"]) == ("", [])
    ((position, lost),) = report["gaps"]
    assert lost / RATE_HZ == pytest.approx(stopped_s, abs=TOLERANCE_S)
    if not daemon_too:  # a stopped daemon does not play on
        error_s = moment_error_s(heard, noise, position - RATE_HZ, position + lost + 4000)
        assert abs(error_s) < TOLERANCE_S


@needs_pulse
@pytest.mark.parametrize("device", [None, "virtual_microphone"], ids=["default", "by name"])
@pytest.mark.parametrize("fault", ["daemon", "sink"])
def test_a_device_that_goes_away_is_said_waited_for_and_used_again_after_one_gap(
    fault: str, device: str | None, microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    _, player = play_noise(microphone, tmp_path, 60)
    recorder = Recorder(microphone, tmp_path / "heard.npy", device=device, reconnect_timeout_s=None)
    recorder.wait_for_more(1.0)
    began = time.monotonic()
    microphone.unplug() if fault == "daemon" else microphone.unload()
    player.wait(LIMIT_S)
    recorder.wait_until(lambda _, __, notices: notices)
    microphone.plug_in_again() if fault == "daemon" else microphone.load()
    microphone.wait_for_listener()
    _, player = play_noise(microphone, tmp_path, 60)
    recorder.wait_until(lambda _, gaps, notices: gaps and len(notices) == 2)
    recorder.wait_for_more(1.0)
    ended = time.monotonic()
    heard, report = recorder.finish()
    player.kill()
    player.wait()
    assert report["error"] == ""
    gone, back = report["notices"]
    assert re.fullmatch(f'the microphone "{device or DEFAULT}" is gone', gone)
    assert re.fullmatch(f'the microphone "{device or DEFAULT}" is back', back)
    ((position, lost),) = report["gaps"]
    # The stream is as long as the clock says.
    since_s = (len(heard) - position) / RATE_HZ
    assert since_s == pytest.approx(ended - began, abs=5 * TOLERANCE_S)
    assert lost / RATE_HZ < since_s - 1.0
    assert heard[position - RATE_HZ // 2 : position].any() and heard[-RATE_HZ // 2 :].any()


@needs_pulse
def test_a_device_that_does_not_come_back_in_time_is_an_error(
    microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    recorder = Recorder(microphone, tmp_path / "heard.npy", reconnect_timeout_s=2.0)
    recorder.wait_for_more(1.0)
    microphone.unplug()
    recorder.process.wait(LIMIT_S)
    assert recorder.process.stdout is not None
    report = json.loads(recorder.process.stdout.read().splitlines()[-1])
    assert re.match(f'the microphone "{DEFAULT}" is gone - ', report["error"]), report
    (notice,) = report["notices"]
    assert re.fullmatch(f'the microphone "{DEFAULT}" is gone', notice)
