"""What docs/privacy.md promises: no network, no traces outside the folders of streamer.

Programs run under strace with an empty home. ONNX Runtime's telemetry makes its
files when it is imported and looks up its collector nine seconds later, so a
program that transcribes twelve seconds at the pace of a microphone would be caught.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.audio.pulse import VirtualMicrophone, needs_pulse, virtual_microphone
from tests.support.paths import ROOT
from tests.support.terminal.command_line import command, environment
from tests.support.terminal.traced import Traced, skip_without_namespaces, skip_without_strace

pytest.importorskip("onnxruntime")

#: Speech of 12.3 seconds.
SAMPLE = ROOT / "assets" / "english" / "sample.flac"

#: Local sockets of the sound system (the user's, or a virtual microphone's), and that of control.
SOUND_SYSTEM = re.compile(r"/(pulse|pipewire|jack|mic-)|/streamer/control$")

VARIABLE = "ORT_DISABLE_TELEMETRY"

#: The Python API at the pace of a microphone, and a child process that knows nothing of streamer.
API = """
import subprocess, sys
import streamer
with streamer.Transcriber(backend="onnx") as transcriber:
    for event in transcriber.transcribe(sys.argv[1], realtime=True):
        if isinstance(event, streamer.Final):
            print(event.text)
subprocess.run([sys.executable, "-c", "import onnxruntime"], check=True)
"""

#: ONNX Runtime by itself, until after its look-up.
RUNTIME_ALONE = "import onnxruntime, time; time.sleep(12)"


def without_the_variable(backend: str = "onnx") -> dict[str, str]:
    """The environment of a user: only streamer itself may set the variable."""
    env = environment({"STREAMER_BACKEND": backend})
    env.pop(VARIABLE, None)
    return env


def python(program: str, *arguments: str | Path) -> list[str]:
    return [sys.executable, "-c", program, *map(str, arguments)]


def assert_private(program: Traced) -> None:
    assert program.sockets() == []
    strange = [path for path in program.local_addresses() if not SOUND_SYSTEM.search(path)]
    assert strange == []
    assert program.files() == []


@pytest.fixture(scope="module")
def side_by_side(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Traced]]:
    """Programs that wait more than they compute, at the same time."""
    skip_without_strace()
    commands: dict[str, Sequence[str]] = {
        "transcribe": command("transcribe", "--realtime", SAMPLE),
        "api": python(API, SAMPLE),
        "doctor": command("doctor"),
    }
    started = {
        name: Traced(each, tmp_path_factory.mktemp(name), without_the_variable())
        for name, each in commands.items()
    }
    yield started
    for program in started.values():
        program.process.kill()
        program.process.wait()


def test_importing_streamer_switches_telemetry_off_before_anything_can_start_it() -> None:
    program = (
        f"import streamer, os, sys; print(os.environ[{VARIABLE!r}], 'onnxruntime' in sys.modules)"
    )
    done = subprocess.run(
        python(program), env={**without_the_variable(), VARIABLE: "0"}, capture_output=True
    )
    assert done.stdout.split() == [b"1", b"False"]


def test_synthetic_speech_does_not_report_the_import_of_openvino(tmp_path: Path) -> None:
    """A stand-in that reports as openvino does, if the package for that can be imported."""
    (tmp_path / "openvino_telemetry.py").write_text("print('reported')")
    (tmp_path / "openvino.py").write_text(
        "try:\n    import openvino_telemetry\nexcept ImportError:\n    print('quiet')\n"
    )
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "sys.modules['kokoro_onnx'] = None\n"
        "from pathlib import Path\n"
        "from streamer.training.synthesis.kokoro import Kokoro\n"
        "try:\n    Kokoro(Path('none'))\nexcept Exception as error:\n    print(error)\n"
    )
    done = subprocess.run(python(program), env=without_the_variable(), capture_output=True)
    assert done.stdout.startswith(b"quiet\nsynthetic speech needs a package"), done.stderr


def test_the_trace_shows_the_telemetry_of_onnx_runtime(tmp_path: Path) -> None:
    """That the tests below can fail; without a network, so that nothing is sent."""
    skip_without_strace()
    skip_without_namespaces()
    program = Traced(python(RUNTIME_ALONE), tmp_path, without_the_variable(), network=False)
    assert program.wait() == 0, program.errors
    if not program.files():
        pytest.skip("this build of ONNX Runtime has no telemetry")
    assert any("AF_INET" in call for call in program.sockets())


def test_a_recording_at_the_pace_of_a_microphone_stays_on_the_machine(
    side_by_side: dict[str, Traced],
) -> None:
    program = side_by_side["transcribe"]
    assert program.wait() == 0, program.errors
    assert program.output
    assert_private(program)


def test_the_python_api_and_its_child_processes_stay_on_the_machine(
    side_by_side: dict[str, Traced],
) -> None:
    program = side_by_side["api"]
    assert program.wait() == 0, program.errors
    assert program.output
    assert_private(program)


def test_doctor_stays_on_the_machine(side_by_side: dict[str, Traced]) -> None:
    program = side_by_side["doctor"]
    program.wait()  # fails where there is no microphone
    assert "voice activity" in program.output
    assert_private(program)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("talk.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/talk.ts\n"),
        ("talk.sdp", "v=0\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n"),
        ("talk.ffconcat", "ffconcat version 1.0\nfile http://127.0.0.1:9/talk.wav\n"),
    ],
)
def test_a_playlist_cannot_make_ffmpeg_use_the_network(
    name: str, content: str, tmp_path: Path
) -> None:
    skip_without_strace()
    (tmp_path / name).write_text(content, encoding="ascii")
    program = Traced(
        command("transcribe", tmp_path / name), tmp_path / "run", without_the_variable("numpy")
    )
    assert program.wait() != 0
    assert f"{name} is a playlist - name the recordings in it" in program.errors
    assert_private(program)


def listen(folder: Path, repetitions: int) -> Traced:
    """Speak the sample into a microphone and return what listened to it."""
    skip_without_strace()
    speech, rate_hz = soundfile.read(SAMPLE, dtype="float32")
    recording = folder / "speech.wav"
    soundfile.write(recording, np.tile(speech, repetitions), rate_hz)
    with virtual_microphone() as microphone:
        program = Traced(
            command("listen"),
            folder / "listen",
            {**without_the_variable(), **sound_only(microphone)},
        )
        microphone.wait_for_listener()
        microphone.speak(recording)
        os.kill(child_of(program.process.pid), signal.SIGINT)
        assert program.wait() in (0, 130), program.errors
    return program


def sound_only(microphone: VirtualMicrophone) -> dict[str, str]:
    """The sound system's part of an environment; its own cookie stays out of the home."""
    names = ("PULSE_", "ALSA_", "XDG_RUNTIME_DIR")
    env = {name: value for name, value in microphone.env.items() if name.startswith(names)}
    return {**env, "PULSE_COOKIE": f"{env['XDG_RUNTIME_DIR']}/cookie"}


def child_of(pid: int) -> int:
    """The process that strace runs."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


@needs_pulse
def test_listening_stays_on_the_machine(tmp_path: Path) -> None:
    program = listen(tmp_path, repetitions=1)
    assert program.output
    assert_private(program)


@pytest.mark.slow
@needs_pulse
def test_listening_for_a_minute_stays_on_the_machine(tmp_path: Path) -> None:
    assert_private(listen(tmp_path, repetitions=5))


@pytest.mark.slow
def test_bench_stays_on_the_machine(tmp_path: Path) -> None:
    skip_without_strace()
    program = Traced(command("bench", "--runs", "1"), tmp_path, without_the_variable())
    program.wait()  # fails where a figure is over its limit
    assert "real-time factor" in program.output, program.errors
    assert_private(program)
