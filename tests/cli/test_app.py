"""Invalid input, shutdown and exit codes, through the real command line."""

from __future__ import annotations

import json
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest

from streamer.cli.app import run as run_here
from streamer.cli.commands.machine.doctor import coreml_unavailable
from streamer.cli.support.options import DecoderKind, Format
from streamer.cli.support.unsaved import HEADING
from streamer.decoding import KINDS
from streamer.output import FORMATS
from tests.support.models.bundles import make_tiny_bundle
from tests.support.terminal.command_line import LIMIT_S, command, environment, error_of, run, start

RATE_HZ = 16000


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that hears nonsense, but always the same for the same samples."""
    folder = tmp_path_factory.mktemp("bundle") / "tiny"
    make_tiny_bundle(folder)
    return folder


@pytest.fixture(scope="module")
def transcripts(tiny: Path, sounds: Path) -> dict[str, bytes]:
    """The transcripts of the recordings."""
    return {path.stem: words(tiny, path) for path in sounds.iterdir()}


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of recordings: two seconds of audio, and the first second of it."""
    folder = tmp_path_factory.mktemp("sounds")
    write_wav(folder / "whole.wav", noise(2.0))
    write_wav(folder / "half.wav", noise(2.0)[:RATE_HZ])
    return folder


def noise(seconds: float) -> Any:
    """Return 16-bit samples in which a random network hears letters."""
    random = np.random.default_rng(5)
    slow = np.repeat(random.uniform(0, 0.5, round(seconds * 20)), RATE_HZ // 20)
    return (slow * random.uniform(-1, 1, len(slow)) * 32767).astype("<i2")


def wav_bytes(samples: Any, kind: int = 1, channels: int = 1, promised: int = -1) -> bytes:
    """Return a WAV file whose header may be wrong."""
    data = samples.tobytes()
    size = len(data) if promised < 0 else promised
    width = samples.dtype.itemsize
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, kind, channels, RATE_HZ,
        RATE_HZ * width * channels, width * channels, 8 * width, b"data", size,
    )  # fmt: skip
    return header + data


def write_wav(path: Path, samples: Any, **header: int) -> Path:
    path.write_bytes(wav_bytes(samples, **header))
    return path


def words(tiny: Path, *arguments: Any, stdin: bytes = b"") -> bytes:
    """Return the transcript of valid input."""
    result = run("transcribe", "--one-shot", "--model", tiny, *arguments, stdin=stdin)
    assert result.returncode == 0, result.stderr
    assert result.stderr == b""
    assert result.stdout.strip()
    return bytes(result.stdout)


@pytest.mark.slow
def test_a_recording_reads_the_same_by_file_and_by_standard_input(
    tiny: Path, sounds: Path, transcripts: dict[str, bytes]
) -> None:
    expected = transcripts["whole"]
    assert words(tiny, "-", stdin=(sounds / "whole.wav").read_bytes()) == expected
    assert words(tiny, "-", stdin=noise(2.0).tobytes()) == expected
    stereo = np.repeat(noise(2.0), 2).astype("<i2").tobytes()
    assert words(tiny, "-", "--channels", "2", stdin=stereo) == expected


# Recordings of which nothing can be read

NOTHING_TO_READ: dict[str, Callable[[Path], object]] = {
    "there is no file": lambda path: None,
    "not audio": lambda path: path.write_bytes(b"Dear diary, today I learnt to whistle.\n" * 40),
    "is empty": lambda path: path.touch(),
    "0 channels": lambda path: write_wav(path, noise(0.5), channels=0),
    "holds no s": lambda path: write_wav(path, noise(0.0)),
}


@pytest.mark.parametrize("message", NOTHING_TO_READ)
def test_an_invalid_recording_is_one_line_of_error(
    message: str, tiny: Path, tmp_path: Path
) -> None:
    path = tmp_path / "sound.wav"
    NOTHING_TO_READ[message](path)
    result = run("transcribe", "--model", tiny, path)
    assert message.split()[-1] in error_of(result)
    assert result.returncode == 1
    assert result.stdout == b""


def test_an_error_while_the_model_is_loading_does_not_abort_the_process() -> None:
    for _ in range(3):
        result = run("transcribe", "-", stdin=b"This is text, and far from being samples. " * 9)
        assert "is text" in error_of(result)
        assert result.returncode == 1


def test_a_truncated_recording_is_transcribed_as_far_as_it_goes(
    tiny: Path, tmp_path: Path, transcripts: dict[str, bytes]
) -> None:
    samples = noise(2.0)
    path = write_wav(tmp_path / "cut.wav", samples[:RATE_HZ], promised=len(samples) * 2)
    result = run("transcribe", "--one-shot", "--model", tiny, path)
    assert "truncated" in error_of(result)
    assert result.returncode == 1
    assert result.stdout == transcripts["half"]


def test_a_recording_ends_at_the_first_sample_that_is_not_a_number(
    tiny: Path, tmp_path: Path, transcripts: dict[str, bytes]
) -> None:
    samples = (noise(2.0) / np.float32(32768)).astype("<f4")
    samples[RATE_HZ:] = np.nan
    path = write_wav(tmp_path / "nan.wav", samples, kind=3)
    result = run("transcribe", "--one-shot", "--model", tiny, path)
    assert "NaN" in error_of(result)
    assert result.returncode == 1
    assert result.stdout == transcripts["half"]


def test_standard_input_of_odd_length_is_transcribed_with_a_warning(
    tiny: Path, sounds: Path
) -> None:
    result = run(
        "transcribe", "-", "--one-shot", "--model", tiny, stdin=noise(1.0).tobytes() + b"\0"
    )
    assert "within a sample" in error_of(result)
    assert result.returncode == 1
    assert len(result.stdout.strip()) > 0


def test_one_unreadable_recording_does_not_stop_the_rest(
    tiny: Path, sounds: Path, tmp_path: Path, transcripts: dict[str, bytes]
) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound at all, but long enough to look at")
    both = ["transcribe", "--one-shot", "--model", tiny, sounds / "half.wav", bad]
    result = run(*both, sounds / "whole.wav")
    assert "bad.wav" in error_of(result)
    assert result.returncode == 1
    half, whole = (f"==> {sounds / name}.wav <==\n".encode() for name in ("half", "whole"))
    assert result.stdout == half + transcripts["half"] + b"\n" + whole + transcripts["whole"]


def test_output_dir_writes_one_transcript_per_recording(
    tiny: Path, sounds: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = run(
        "transcribe", "--one-shot", "--model", tiny, "--format", "srt", "--output-dir", out, sounds
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
    assert sorted(path.name for path in out.iterdir()) == ["half.srt", "whole.srt"]
    assert all("-->" in path.read_text() for path in out.iterdir())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_long_recording_shows_a_progress_bar_on_standard_error_only(
    tiny: Path, tmp_path: Path
) -> None:
    import os
    import pty

    recording = long_recording(tmp_path)
    ours, theirs = pty.openpty()
    child = start(
        "transcribe", "--one-shot", "--model", tiny, recording,
        stderr=theirs, env={"TERM": "xterm"},
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    while True:
        try:
            block = os.read(ours, 65536)
        except OSError:  # how Linux says that the other side has closed
            break
        if not block:
            break
        shown += block
    os.close(ours)
    assert child.stdout is not None
    assert child.stdout.read() == words(tiny, recording)
    assert child.wait(LIMIT_S) == 0
    assert b"long.wav" in shown and b"%" in shown
    assert b"\x1b[?25l" not in shown  # a program that is killed could not show the cursor again


# Models that are none


def change(folder: Path, **values: Any) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def write_alphabet(folder: Path, labels: str) -> None:
    change(folder, sha256={})
    (folder / "alphabet.txt").write_text(labels)


BROKEN_BUNDLES: dict[str, Callable[[Path], object]] = {
    "model.json": lambda folder: (folder / "model.json").unlink(),
    "cannot be read": lambda folder: (folder / "model.json").write_text("{"),
    "n_hidden": lambda folder: change(folder, n_hidden=33),
    "n_steps": lambda folder: change(folder, n_steps="many"),
    "SHA-256": lambda folder: (folder / "alphabet.txt").write_text(" \na\nb\n"),
    "labels": lambda folder: write_alphabet(folder, " \na\nb\n"),
    "twice": lambda folder: write_alphabet(folder, " \na\n" + "b\n" * 26),
    "front end": lambda folder: change(folder, front_end={"kind": "crystal ball"}),
    "onnx": lambda folder: (folder / "tiny.onnx").write_bytes(b"\x00garbage" * 100),
    "scorer": lambda folder: (
        (folder / "bad.scorer").write_bytes(b"mmap lm http://kheafield.com/code" * 50),
        change(folder, scorer="bad.scorer"),
    ),
}


@pytest.mark.parametrize("message", BROKEN_BUNDLES)
def test_a_broken_bundle_is_one_line_of_error(
    message: str, tiny: Path, sounds: Path, tmp_path: Path
) -> None:
    if message == "onnx" and not (tiny / "tiny.onnx").is_file():
        pytest.skip("needs the package onnx to make the bundle")
    folder = tmp_path / "broken"
    shutil.copytree(tiny, folder)
    BROKEN_BUNDLES[message](folder)
    backend = "onnx" if message == "onnx" else "numpy"
    result = run("transcribe", "--backend", backend, "--model", folder, sounds / "half.wav")
    assert message in error_of(result)
    assert result.returncode == 1
    assert result.stdout == b""


def test_an_unknown_model_is_one_line_of_error(sounds: Path) -> None:
    result = run("transcribe", "--model", "klingon", sounds / "half.wav")
    assert "klingon" in error_of(result)
    assert result.returncode == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "speech.tsv", "-o", "x"],
        ["export", "last.pt", "-o", "x"],
        ["scorer", "recurrent", "a.txt", "--scorer", "a.scorer", "-o", "x"],
    ],
    ids=" ".join,
)
def test_training_without_pytorch_is_one_line_of_error(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert run_here(arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "pip install torch" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--beem", "3"],
        ["transcribe"],
        ["transcribe", "-", "--channels", "0"],
        ["transcribe", "-", "--rate", "-5"],
        ["transcribe", "-", "--beam", "0"],
        ["transcribe", "-", "--format", "morse"],
        ["transcribe", "-", "--decoder", "oracle"],
        ["transcribe", "-", "-"],
        ["transcribe", "a.wav", "b.wav", "--format", "srt"],
        ["sing"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_one_line_and_code_2(arguments: list[str], tiny: Path) -> None:
    result = run(*arguments, *(["--model", tiny] if "transcribe" in arguments else []))
    error_of(result)
    assert result.returncode == 2
    assert result.stdout == b""


def test_shared_options_may_precede_the_command(
    tiny: Path, sounds: Path, transcripts: dict[str, bytes]
) -> None:
    result = run("--model", tiny, "--beam=16", "transcribe", "--one-shot", sounds / "half.wav")
    assert result.stdout == transcripts["half"]


def test_the_options_list_all_decoders_and_formats() -> None:
    assert [kind.value for kind in DecoderKind] == list(KINDS)
    assert [format.value for format in Format] == list(FORMATS)


def test_options_can_come_from_the_environment(tiny: Path, sounds: Path) -> None:
    env = {"STREAMER_MODEL": str(tiny), "STREAMER_FORMAT": "jsonl"}
    result = run("transcribe", "--one-shot", sounds / "half.wav", env=env)
    assert json.loads(result.stdout.splitlines()[-1])["type"] == "stats"


# Endings


def long_recording(folder: Path, seconds: float = 30.0) -> Path:
    return write_wav(folder / "long.wav", noise(seconds))


def playing(tiny: Path, recording: Path) -> subprocess.Popen[bytes]:
    """Start to play a recording in real time; return once there are words."""
    child = start(
        "transcribe", "--realtime", "--one-shot", "--format", "jsonl", "--model", tiny, recording
    )
    assert child.stdout is not None
    for line in child.stdout:
        if json.loads(line)["type"] == "partial":
            return child
    raise AssertionError(child.communicate()[1])


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_graceful_shutdown_with_the_last_words(
    number: signal.Signals, tiny: Path, tmp_path: Path
) -> None:
    child = playing(tiny, long_recording(tmp_path))
    child.send_signal(number)
    out, err = child.communicate(timeout=LIMIT_S)
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["type"] for event in events][-3:] == ["final", "close", "stats"]
    assert events[-3]["text"]
    assert events[-3]["end"] < 29.0
    assert child.returncode == 0
    assert b"Traceback" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_the_second_signal_exits_immediately(tiny: Path, tmp_path: Path) -> None:
    # A pipe that nobody writes to: after the first Ctrl-C, the program waits for it a while.
    child = start("transcribe", "-", "--model", tiny, stdin=subprocess.PIPE)
    assert child.stdin is not None
    child.stdin.write(noise(3.0).tobytes())
    child.stdin.flush()
    wait_for_handler(child)
    while child.poll() is None:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(0.01)  # on a quick machine the pipe is not waited for much longer
        except subprocess.TimeoutExpired:
            continue
    err = child.stderr.read() if child.stderr else b""
    # A signal during the shutdown of Python kills it: 130 to a shell too.
    assert child.returncode in (130, -signal.SIGINT)
    assert b"Traceback" not in err


def wait_for_handler(child: subprocess.Popen[bytes]) -> None:
    """Wait until a process handles Ctrl-C."""
    status = Path(f"/proc/{child.pid}/status")
    if not status.exists():
        pytest.skip("needs /proc to see which signals a process catches")
    deadline = time.monotonic() + LIMIT_S
    while True:
        assert time.monotonic() < deadline, "no handler"
        fields = dict(
            line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line
        )
        # Python itself handles SIGINT; only streamer handles SIGHUP.
        if int(fields["SigCgt"], 16) >> (signal.SIGHUP - 1) & 1:
            return
        assert child.poll() is None


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_a_closed_pipe_ends_it_quietly(tiny: Path, tmp_path: Path) -> None:
    arguments = ["transcribe", "--one-shot", "--format", "jsonl", "--model", tiny]
    child = start(*arguments, long_recording(tmp_path))
    assert child.stdout is not None and child.stderr is not None
    assert child.stdout.readline().startswith(b'{"type": "partial"')
    child.stdout.close()
    assert child.stderr.read() == b""
    assert child.wait(LIMIT_S) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_standard_output_is_one_error_above_the_words(
    tiny: Path, sounds: Path
) -> None:
    with open("/dev/full", "wb") as full:
        result = subprocess.run(
            command("transcribe", "--one-shot", "--model", tiny, sounds / "half.wav"),
            stdout=full, stderr=subprocess.PIPE, env=environment(), timeout=LIMIT_S, check=False,
        )  # fmt: skip
    error, heading, *words = result.stderr.decode().splitlines()
    assert error.startswith("error: cannot write standard output (no space left on device) - ")
    assert heading == HEADING and any(words)
    assert result.returncode == 1


def test_the_doctor_explains_why_a_newer_python_cannot_convert_to_coreml(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert coreml_unavailable((3, 13)) is None
    reason = coreml_unavailable((3, 14))
    assert reason is not None
    assert re.search(r"not available on Python 3\.14, .* no wheel yet - .* Python 3\.13", reason)


def test_the_doctor_says_nothing_about_coreml_where_coremltools_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert coreml_unavailable((3, 14)) is None
