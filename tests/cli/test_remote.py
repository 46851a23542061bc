"""Control of a session: what start, stop and toggle do to the microphone, and what is said."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import soundfile

from streamer.bundle import bundled_folder
from streamer.cli.app import run
from streamer.cli.support.remote import TAIL_S, RemoteControl
from streamer.control import client
from streamer.control.status import LISTENING, PAUSED
from tests.support.audio.pulse import needs_pulse, virtual_microphone
from tests.support.events import stats
from tests.support.terminal.command_line import command

SAMPLE = bundled_folder() / "sample.flac"
needs_english = pytest.mark.skipif(not SAMPLE.is_file(), reason="needs the bundled model")


class Microphone:
    """A transcriber and its source."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.source: Any = SimpleNamespace(name="Blue Yeti", start_s=0.0421)

    def pause(self, after_s: float) -> None:
        self.calls.append(after_s)

    def resume(self) -> None:
        self.calls.append("resume")


@pytest.fixture(autouse=True)
def own_runtime_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def control(microphone: Microphone, **options: Any) -> RemoteControl:
    remote = RemoteControl(microphone, **options)  # type: ignore[arg-type]
    remote.opened(microphone.source, None)
    return remote


def test_toggle_pauses_after_the_last_word_and_resumes() -> None:
    microphone = Microphone()
    remote = control(microphone)
    assert remote.board.status.state == LISTENING
    for _ in range(3):
        remote.toggle()
    assert microphone.calls == [TAIL_S, "resume", TAIL_S]
    assert remote.board.status.state == PAUSED


def test_start_and_stop_twice_are_once() -> None:
    microphone = Microphone()
    remote = control(microphone, paused=True)
    for act in (remote.stop, remote.start, remote.start, remote.stop, remote.stop):
        act()
    assert microphone.calls == ["resume", TAIL_S]


def test_a_pause_before_the_microphone_is_open_is_made_then() -> None:
    microphone = Microphone()
    for asked, calls in ((["stop"], [0.0]), (["stop", "start"], [])):
        microphone.calls.clear()
        remote = RemoteControl(microphone)  # type: ignore[arg-type]
        for act in asked:
            getattr(remote, act)()
        assert not microphone.calls
        remote.opened(microphone.source, None)
        assert microphone.calls == calls
        assert remote.paused == bool(calls)


def test_a_warm_microphone_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    remote = control(Microphone(), keep_warm_s=20.0)
    remote.stop()
    assert "the microphone stays open for 20 s" in capsys.readouterr().err
    assert remote.board.status.warm
    remote.start()
    assert not remote.board.status.warm


def test_the_time_to_the_first_sample_is_in_the_status() -> None:
    remote = control(Microphone())
    remote.receive(stats())
    assert remote.board.status.start_ms == 42


def test_push_to_talk_needs_a_hotkey(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["listen", "--push-to-talk"]) == 2
    assert "--hotkey" in capsys.readouterr().err


def test_following_needs_standard_output(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert run(["status", "--follow"]) == 1
    assert "standard output is closed" in capsys.readouterr().err


def test_status_without_an_instance_is_off(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["state"] == "off"
    assert run(["start"]) == 1
    assert "not running" in capsys.readouterr().err


@needs_pulse
@needs_english
def test_push_to_talk_loses_neither_the_first_nor_the_last_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, rate_hz = soundfile.read(SAMPLE)
    soundfile.write(tmp_path / "said.wav", samples[: round(4.45 * rate_hz)], rate_hz)
    with virtual_microphone(48000, 1) as microphone:
        monkeypatch.setenv("XDG_RUNTIME_DIR", microphone.env["XDG_RUNTIME_DIR"])
        arguments = ["listen", "--paused", "--keep-warm", "30", "--stdout", "--verbatim"]
        with subprocess.Popen(
            command(*arguments),
            env={**microphone.env, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as program:
            assert program.stdout is not None and program.stderr is not None
            program.stderr.readline(), program.stderr.readline()
            # Warm, then speech and key at the same moment.
            client.send("start")
            while client.send("status")["start_ms"] is None:
                pass
            client.send("stop")
            player = microphone.start_speaking(tmp_path / "said.wav")
            client.send("start")
            player.wait()
            client.send("stop")
            line = program.stdout.readline()
            program.send_signal(signal.SIGTERM)
    # Words in the middle depend on where in the sound the windows begin.
    assert re.fullmatch(r"but as sure as he .* princess he \w+ some fault in her\n", line)


@needs_pulse
def test_bench_measures_the_start(tmp_path: Path) -> None:
    with virtual_microphone(48000, 1) as microphone:
        program = (
            "from streamer.cli.commands.machine.bench_start import report_start; report_start()"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**microphone.env, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
    start, process = done.stdout.splitlines()
    assert re.fullmatch(
        r"start to the first sample +\d+ ms  \(limit: 80 ms, .*\), warm \d+ ms", start
    )
    assert re.fullmatch(r"streamer start, the process +\d+ ms", process)


def test_saved_audio_goes_where_it_can(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "talk.flac").write_text("precious")
    assert run(["listen", "--save-audio", str(tmp_path / "talk.flac")]) == 1
    assert "exists already" in capsys.readouterr().err


@needs_pulse
@needs_english
def test_the_live_view_shows_who_pauses_and_resumes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("pexpect")
    screens = pytest.importorskip("tests.support.terminal.screen")
    with virtual_microphone(48000, 1) as microphone:
        monkeypatch.setenv("XDG_RUNTIME_DIR", microphone.env["XDG_RUNTIME_DIR"])
        env = {name: value for name, value in microphone.env.items() if "PULSE" in name}
        env |= {name: microphone.env[name] for name in ("ALSA_CONFIG_PATH", "XDG_RUNTIME_DIR")}
        screen = screens.Screen(command("listen", "--paused"), 80, 12, env)
        screen.wait_for("paused")
        screen.wait_for(lambda: not any("loading" in line for line in screen.lines()))
        client.send("start")
        screen.wait_for("● listening")
        client.send("stop")
        screen.wait_for("‖ paused")
        screen.press(" ")
        screen.wait_for("● listening")
        assert client.send("status")["state"] == LISTENING
        screen.press("q")
        screen.wait_for_end()
        screen.close()


class Hotkey:
    """Keys that are pressed by the test."""

    made: ClassVar[list[Any]] = []

    def __init__(self, keys: str, pressed: Any, released: Any = None) -> None:
        self.keys, self.pressed, self.released = keys, pressed, released
        self.calls: list[str] = []
        self.made.append(self)

    def start(self) -> None:
        self.calls.append("start")

    def close(self) -> None:
        self.calls.append("close")


@pytest.mark.parametrize("push_to_talk", [False, True])
def test_a_hotkey_toggles_or_listens_while_it_is_held(
    push_to_talk: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamer.control.hotkey.Hotkey", Hotkey)
    microphone = Microphone()
    remote = control(microphone, paused=True, hotkey="ctrl+alt+d", push_to_talk=push_to_talk)
    hotkey = Hotkey.made.pop()
    with remote:
        assert hotkey.calls == ["start"] and hotkey.keys == "ctrl+alt+d"
        hotkey.pressed()
        if push_to_talk:
            hotkey.pressed()  # keyboards repeat
            hotkey.released()
        else:
            assert hotkey.released is None
            hotkey.pressed()
    assert microphone.calls == ["resume", TAIL_S] and hotkey.calls == ["start", "close"]


def test_of_two_instances_the_second_says_that_the_first_is_controlled(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with control(Microphone()), control(Microphone()):
        assert "another streamer is running" in capsys.readouterr().err


def test_where_its_socket_cannot_be_made_it_listens_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "file"))
    with control(Microphone()) as remote:
        remote.toggle()
        assert remote.paused
    assert capsys.readouterr().err.startswith("warning: ")
