"""How a command ends: signals at any moment, a reader that stalls, closed streams."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import soundfile

from streamer.output.streams import InterruptibleOutput, ReaderStalledError
from tests.support.audio.recordings import babble
from tests.support.models.bundles import make_tiny_bundle
from tests.support.terminal.command_line import LIMIT_S, environment, run, start

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and pipes are POSIX's")


#: Linux's number for the size of a pipe; `fcntl` has a name for it from Python 3.10 on.
F_SETPIPE_SZ = 1031


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "tiny"
    make_tiny_bundle(folder, n_hidden=8)
    return folder


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half an hour of tones."""
    path = tmp_path_factory.mktemp("sound") / "long.flac"
    with soundfile.SoundFile(path, "w", 16000, 1) as file:
        for _ in range(30):
            file.write(babble(60.0))
    return path


def transcribing(tiny: Path, recording: Path, *more: Any) -> subprocess.Popen[bytes]:
    """Start to transcribe a recording; return once there are words."""
    child = start(
        "transcribe", "--one-shot", "--format", "jsonl", "--model", tiny, *more, recording,
        env={"STREAMER_DECODER": "greedy"}, bufsize=0,
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline().startswith(b'{"type": "partial"')
    return child


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a pipe of one page")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_ends_it_while_a_write_blocks_and_the_file_has_everything(
    number: signal.Signals, tiny: Path, recording: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.jsonl"
    child = transcribing(tiny, recording, "--output", kept)
    assert child.stdout is not None
    fcntl.fcntl(child.stdout, F_SETPIPE_SZ, 4096)  # full with any line
    wait_until_blocked(kept)
    child.send_signal(number)
    assert child.wait(LIMIT_S) == 128 + number
    assert child.stderr is not None and child.stderr.read() == b""
    types = [json.loads(line)["type"] for line in kept.read_text().splitlines()]
    assert types[-3:] == ["final", "close", "stats"]


def wait_until_blocked(kept: Path) -> None:
    """Wait until a program whose output nobody reads writes no more to its file either."""
    size, unchanged, waited = -1, 0, threading.Event()
    while unchanged < 10:
        waited.wait(0.1)
        before, size = size, kept.stat().st_size
        unchanged = unchanged + 1 if size == before else 0


def test_a_signal_that_cuts_a_recording_short_is_the_exit_code(tiny: Path, recording: Path) -> None:
    child = transcribing(tiny, recording)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=LIMIT_S)
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["type"] for event in events][-3:] == ["final", "close", "stats"]
    assert events[-1]["time"] < 1800
    assert (child.returncode, err) == (130, b"")


def test_a_signal_while_the_model_is_loaded_does_not_wait_for_it(
    tiny: Path, recording: Path, tmp_path: Path
) -> None:
    # Loading never ends, and requests the end itself.
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, threading\n"
        "import streamer.engine.model_loader as loader\n"
        "def load(choice):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    threading.Event().wait()\n"
        "loader.load_model = load\n"
    )
    result = run(
        "transcribe", "--model", tiny, recording,
        env={"PYTHONPATH": os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])},
    )  # fmt: skip
    assert result.returncode in (128 + signal.SIGTERM, -signal.SIGTERM)
    assert (result.stdout, result.stderr) == (b"", b"")


@pytest.mark.parametrize("module", ["typer", "numpy"])
def test_ctrl_c_during_the_start_is_quiet(module: str, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / f"{module}.py").write_text("import os; os.kill(os.getpid(), 2)")
    result = run(
        "transcribe", "--model", tiny, "x.wav",
        env={"PYTHONPATH": os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])},
    )  # fmt: skip
    assert (result.stdout, result.stderr) == (b"", b"")
    assert result.returncode in (130, -signal.SIGINT)


def test_with_standard_output_closed_the_file_gets_the_words(tiny: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "1.wav", babble(4.0), 16000)
    line = '"$0" -m streamer transcribe --one-shot --decoder greedy --model "$1" "${@:2}" 1.wav'
    arguments = ["bash", "-c", f"{line} >&-", sys.executable, str(tiny)]

    def transcribe(*options: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*arguments, *options], cwd=tmp_path, env=environment(), capture_output=True,
            timeout=LIMIT_S, check=False,
        )  # fmt: skip

    done = transcribe("--output", "words.txt")
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "words.txt").read_text().strip()
    done = transcribe()
    assert done.returncode == 1 and done.stderr.startswith(b"error: standard output is closed - ")


def test_standard_output_waits_for_a_slow_reader_and_gives_up_a_stalled_one_only_at_the_end() -> (
    None
):
    reader, writer = os.pipe()
    ending = False
    now = iter(range(1000))
    stream = InterruptibleOutput(writer, lambda: ending, clock=lambda: float(next(now)))
    text = "word é " * 30_000  # more than a pipe holds
    received = bytearray()

    def read() -> None:
        while len(received) < len(text.encode()):
            received.extend(os.read(reader, 1000))

    thread = threading.Thread(target=read)
    thread.start()
    stream.write(text)
    thread.join()
    assert received.decode() == text
    while select.select([], [writer], [], 0)[1]:
        os.write(writer, b"x" * select.PIPE_BUF)
    ending = True
    for _ in range(2):
        with pytest.raises(ReaderStalledError):
            stream.write("x")
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        stream.write("x")
    os.close(writer)


def test_a_thread_that_is_left_in_native_code_does_not_crash_the_end(
    tiny: Path, tmp_path: Path
) -> None:
    # At its end Python unwinds a thread that wants to go on; C++ code aborts then.
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, os, threading\n"
        "import streamer.cli.commands.machine.devices as devices\n"
        "def left_behind():\n"
        "    threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "    atexit.register(os.abort)\n"
        "devices.devices = left_behind\n"
    )
    result = run(
        "devices",
        env={"PYTHONPATH": os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])},
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
