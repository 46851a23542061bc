"""From a microphone to words on standard output, through the real PortAudio."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamer.bundle import bundled_folder
from tests.support.audio.pulse import VirtualMicrophone, needs_pulse, virtual_microphone
from tests.support.models.bundles import make_tiny_bundle
from tests.support.paths import ROOT
from tests.support.terminal.command_line import LIMIT_S, error_of, run, start

ENGLISH = bundled_folder()
SAMPLE = ENGLISH / "sample.flac"
needs_english = pytest.mark.skipif(
    not ((ENGLISH / "model.json").is_file() and SAMPLE.is_file()),
    reason="needs the bundled model and its sample in assets/english",
)

#: Required similarity of two transcripts of the same speech, word by word. The
#: sound server is not exact on a busy machine, and small differences change the
#: words of a small model. Unrelated sentences reach 0.1.
ALIKE = 0.4


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "tiny"
    make_tiny_bundle(folder)
    return folder


@pytest.fixture(scope="module")
def sample() -> tuple[Any, int]:
    import soundfile

    samples, rate_hz = soundfile.read(SAMPLE, dtype="float32")
    return samples, rate_hz


@pytest.fixture(scope="module")
def by_file() -> list[str]:
    """The words of the sample, transcribed from its file."""
    result = run("transcribe", "--backend", "auto", SAMPLE)
    assert result.returncode == 0, result.stderr
    return result.stdout.decode().split()


def likeness(one: list[str], other: list[str]) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def listen(microphone: VirtualMicrophone, *arguments: Any) -> subprocess.Popen[bytes]:
    """Start to listen; return once the microphone is being recorded."""
    child = start("listen", *arguments, env=_only_sound(microphone.env))
    assert child.stderr is not None
    first = child.stderr.readline()
    assert first.startswith(b"listening: "), first + child.stderr.read()
    microphone.wait_for_listener()
    return child


def _only_sound(env: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in env.items() if os.environ.get(key) != value}


def finals_until(child: subprocess.Popen[bytes], seconds: float) -> Iterator[dict[str, Any]]:
    """Return the finals that a process prints until its stream has reached a time."""
    assert child.stdout is not None
    for line in child.stdout:
        event = json.loads(line)
        if event["type"] == "final":
            yield event
        if event["type"] == "stats" and event["time"] >= seconds:
            return


@pytest.mark.slow
@needs_pulse
@needs_english
@pytest.mark.parametrize(("rate_hz", "channels"), [(16000, 1), (48000, 2)])
def test_speech_into_the_microphone_is_printed_on_standard_output(
    rate_hz: int, channels: int, sample: tuple[Any, int], by_file: list[str], tmp_path: Path
) -> None:
    import soundfile
    import soxr

    samples, own_hz = sample
    played = soxr.resample(samples, own_hz, rate_hz)
    wav = tmp_path / "spoken.wav"
    soundfile.write(wav, np.stack([played] * channels, axis=1), rate_hz)
    with virtual_microphone(rate_hz, channels) as microphone:
        child = listen(microphone, "--backend", "auto", "--format", "jsonl")
        player = microphone.start_speaking(wav)
        # The whole sample, the time it took to start, and the silence that ends it.
        seconds = len(samples) / own_hz + 4.0
        words = [w for event in finals_until(child, seconds) for w in event["text"].split()]
        player.wait(LIMIT_S)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=LIMIT_S)
    for line in out.splitlines():
        event = json.loads(line)
        words += event["text"].split() if event["type"] == "final" else []
    assert likeness(words, by_file) >= ALIKE, (words, by_file)
    assert child.returncode == 0
    assert b"error" not in err


@needs_pulse
def test_a_microphone_that_disappears_is_one_line_of_error_after_the_last_words(
    tiny: Path, tmp_path: Path
) -> None:
    import soundfile

    # Random weights hear words in anything, but low-passed noise is not a voice.
    with virtual_microphone() as microphone:
        child = listen(microphone, "--format", "jsonl", "--model", tiny, "--no-reconnect")
        wav = tmp_path / "noise.wav"
        noise = 0.1 * np.random.default_rng(0).standard_normal(16000 * 30)
        soundfile.write(wav, noise, 16000)
        player = microphone.start_speaking(wav)
        list(finals_until(child, 1.0))
        microphone.unplug()
        out, err = child.communicate(timeout=LIMIT_S)
        player.kill()
        player.wait()
    assert json.loads(out.splitlines()[-1])["type"] == "stats"
    (line,) = [text for text in err.decode().splitlines() if text.startswith("error")]
    assert re.fullmatch(r'error: the microphone "[\w ]+" is gone - .+', line)
    assert child.returncode == 1
    assert b"Traceback" not in err


@needs_pulse
def test_a_stop_and_a_lost_microphone_are_a_gap_each_and_listening_goes_on(
    tiny: Path, tmp_path: Path
) -> None:
    import soundfile

    wav = tmp_path / "noise.wav"
    noise = 0.1 * np.random.default_rng(0).standard_normal(16000 * 60)
    soundfile.write(wav, noise, 16000)
    with virtual_microphone() as microphone:
        child = listen(microphone, "--format", "jsonl", "--model", tiny)
        player = microphone.start_speaking(wav)
        list(finals_until(child, 1.0))
        child.send_signal(signal.SIGSTOP)
        time.sleep(6)  # this much has to pass
        child.send_signal(signal.SIGCONT)
        stopped = next_event(child, "gap")
        assert 5.9 <= stopped["end"] - stopped["start"] <= 6.3
        list(finals_until(child, stopped["end"] + 1))
        microphone.unplug()
        player.wait(LIMIT_S)
        warning = next_event(child, "warning")
        assert re.fullmatch(r'the microphone "[\w ]+" is gone', warning["what"])
        assert warning["time"] > stopped["end"] + 1
        microphone.plug_in_again()
        microphone.wait_for_listener()
        player = microphone.start_speaking(wav)
        gap = next_event(child, "gap")
        list(finals_until(child, gap["end"] + 1))
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=LIMIT_S)
        player.kill()
        player.wait()
    assert child.returncode == 0
    assert b'"gap"' not in out and b"error" not in err


def next_event(child: subprocess.Popen[bytes], kind: str) -> dict[str, Any]:
    """Return the next event of a kind that a process prints."""
    assert child.stdout is not None
    for line in child.stdout:
        event: dict[str, Any] = json.loads(line)
        if event["type"] == kind:
            return event
    raise AssertionError(f"it ended without a {kind}")


@needs_pulse
def test_a_microphone_that_delivers_only_zeros_is_a_warning_then_an_error(tiny: Path) -> None:
    with virtual_microphone() as microphone:
        child = listen(microphone, "--model", tiny)
        out, err = child.communicate(timeout=LIMIT_S)
    warning, error = err.decode().splitlines()
    assert warning.startswith("warning: ") and "zeros" in warning
    assert error.startswith("error: ") and "zeros" in error and " - " in error
    assert (out, child.returncode) == (b"", 1)


@needs_pulse
def test_an_unknown_microphone_is_one_line_of_error(tiny: Path) -> None:
    with virtual_microphone() as microphone:
        result = run(
            "listen", "--device", "gramophone", "--model", tiny, env=_only_sound(microphone.env)
        )
    assert "gramophone" in error_of(result)
    assert result.returncode == 1


@needs_pulse
def test_devices_are_listed_with_the_default_marked() -> None:
    with virtual_microphone() as microphone:
        result = run("devices", env=_only_sound(microphone.env))
    assert result.returncode == 0
    assert result.stderr == b""
    assert re.search(rb"^\*  +\d+  default", result.stdout, re.MULTILINE)


@pytest.mark.parametrize("command", [["listen"], ["devices"]])
def test_without_portaudio_it_says_how_to_install_it(
    command: list[str], tiny: Path, tmp_path: Path
) -> None:
    # The error that sounddevice raises if the library is missing.
    (tmp_path / "sounddevice.py").write_text('raise OSError("PortAudio library not found")\n')
    model = ["--model", str(tiny)] if command == ["listen"] else []
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    result = run(*command, *model, env={"PYTHONPATH": paths})
    assert "PortAudio" in error_of(result)
    assert "install" in error_of(result)
    assert result.returncode == 1


def test_the_doctor_reports_what_is_missing_and_checks_the_rest(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "sounddevice.py").write_text('raise OSError("PortAudio library not found")\n')
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    result = run("doctor", "--model", tiny, env={"PYTHONPATH": paths, "PYTHONIOENCODING": "utf-8"})
    *lines, empty, last = result.stdout.decode().splitlines()
    found = {line[4:20].strip(): (line[2], line[20:]) for line in lines}
    assert result.returncode == 1
    assert found["PortAudio"][0] == "✗" and "install" in found["PortAudio"][1]
    for name in ("voice activity", "model", "backend", "decoder"):
        assert found[name][0] == "✓"
    assert empty == "" and last.startswith("  do this first: ") and "install" in last
