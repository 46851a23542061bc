"""Replay: the player, the keys, the screen, and all of it in a terminal."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from streamer.cli.app import run
from streamer.errors import AudioError, DeviceError
from streamer.output.jsonl import as_json
from streamer.replay import player
from streamer.replay.controller import Controller
from streamer.replay.player import Loudspeaker, Player
from streamer.replay.screen import Moment, clock_time, draw, layout
from streamer.replay.transcript import TimedWord
from tests.support.events import final

RATE_HZ = 16000
WORDS = [TimedWord(text, k, k + 0.5) for k, text in enumerate("one two three four five".split())]


class Output:
    """Takes one block whenever the test allows one."""

    latency_s = 0.0

    def __init__(self, rate_hz: int, channels: int) -> None:
        self.allowed = threading.Semaphore(0)
        self.written = threading.Semaphore(0)
        self.blocks: list[Any] = []
        self.closed = False

    def write(self, frames: Any) -> None:
        self.allowed.acquire()
        self.blocks.append(frames[:, 0])
        self.written.release()

    def take(self, blocks: int) -> Any:
        """Let it play some blocks, and return them."""
        before = len(self.blocks)
        for _ in range(blocks):
            self.allowed.release()
            assert self.written.acquire(timeout=60)
        return np.concatenate(self.blocks[before:])

    def close(self) -> None:
        self.closed = True


@pytest.fixture()
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "talk.flac"
    soundfile.write(path, np.arange(5 * RATE_HZ) % 30000 / 32768, RATE_HZ)
    return path


def test_the_player_plays_from_a_time_to_another(recording: Path) -> None:
    outputs: list[Output] = []
    player = Player(recording, lambda *of: outputs.append(Output(*of)) or outputs[0])  # type: ignore[func-returns-value]
    assert player.seconds == 5.0 and not player.playing
    player.play(1.0, 1.075)
    heard = outputs[0].take(3)  # 30 + 30 + 15 ms
    np.testing.assert_array_equal(np.round(heard * 32768), np.arange(16000, 17200))
    player.play(4.0)
    assert np.round(outputs[0].take(1)[0] * 32768) == 64000 % 30000
    outputs[0].allowed.release(1000)
    player.close()
    player.close()
    assert outputs[0].closed


def test_what_cannot_be_played_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "talk.flac").write_text("no sound")
    with pytest.raises(AudioError, match="cannot be played"):
        Player(tmp_path / "talk.flac", Output)
    with pytest.raises(AudioError, match=r"cannot be played \([Nn]o such file or directory\)"):
        Player(tmp_path / "missing.flac", Output)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(AudioError, match="not a regular file"):
        Player(tmp_path / "pipe", Output)


class Recorder:
    """A player that notes what it should do."""

    seconds = 5.0
    playing = False
    position_s = 0.0

    def __init__(self) -> None:
        self.played: list[tuple[float, float | None]] = []

    def play(self, start_s: float, end_s: float | None = None) -> None:
        self.playing = True
        self.played.append((start_s, end_s))

    def pause(self) -> None:
        self.playing = False


def test_enter_plays_the_word_and_space_plays_on_from_it() -> None:
    player = Recorder()
    keys = Controller(player, WORDS)
    for key in ("right", "right", "left", "\n"):
        keys.press(key, 80)
    ((start_s, end_s),) = player.played
    assert start_s == pytest.approx(0.92) and end_s == pytest.approx(1.58)
    for key in ("end", " "):
        keys.press(key, 80)
    assert player.played[-1] == (4, None)
    keys.press(" ", 80)
    assert not player.playing
    keys.press("q", 80)
    assert keys.ended


def test_the_cursor_goes_with_the_sound() -> None:
    player = Recorder()
    keys = Controller(player, WORDS)
    player.playing, player.position_s = True, 2.2
    keys.press(" ", 80)
    keys.press("\n", 80)
    assert player.played[-1][0] == pytest.approx(1.92)


def test_arrows_move_between_rows() -> None:
    player = Recorder()
    keys = Controller(player, WORDS)
    for key in ("right", "down", "\n"):  # of "one two", "three", "four five"
        keys.press(key, 12)
    assert player.played[-1][0] == pytest.approx(1.92)
    for key in ("down", "\n"):
        keys.press(key, 12)
    assert player.played[-1][0] == pytest.approx(2.92)


def test_a_window_of_another_width_is_laid_out_anew() -> None:
    keys = Controller(Recorder(), WORDS)
    for columns in (80, 14, 80):
        assert keys.screen(columns, 9) == Controller(Recorder(), WORDS).screen(columns, 9)
    assert keys.screen(80, 9) != keys.screen(14, 9)


def test_words_are_wrapped_and_paragraphs_stand_apart() -> None:
    words = [*WORDS, TimedWord("New", 9.0, 9.5, breaks=True)]
    assert layout(words, 12) == [[0, 1], [2], [3], [4], [], [5]]
    assert layout(words, 80) == [[0, 1, 2, 3, 4], [], [5]]


def test_the_word_that_is_heard_is_lit_and_later_ones_are_grey() -> None:
    rows = draw(WORDS, layout(WORDS, 80), Moment(1.2, 65.0, True, 1, 1), 6)
    assert len(rows) == 6
    assert rows[1] == (
        "  one \x1b[7mtwo\x1b[0m \x1b[2mthree\x1b[0m \x1b[2mfour\x1b[0m \x1b[2mfive\x1b[0m"
    )
    assert "▶ 0:01 / 1:05" in rows[-1]
    assert "‖" in draw(WORDS, layout(WORDS, 80), Moment(1.2, 65.0, False, 1, 0), 6)[-1]


def test_a_long_transcript_scrolls_with_the_cursor() -> None:
    words = [TimedWord(f"word{k}", k, k + 1) for k in range(200)]
    rows = draw(words, layout(words, 40), Moment(150.0, 200.0, True, 150, 150), 10)
    assert len(rows) == 10 and any("word150" in row for row in rows)


def test_times_are_short() -> None:
    assert [clock_time(s) for s in (0, 59.9, 60, 3661)] == ["0:00", "0:59", "1:00", "1:01:01"]


def test_replay_needs_a_terminal(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    transcript = tmp_path / "talk.jsonl"
    transcript.write_text(json.dumps(as_json(final("one two"))))
    assert run(["replay", str(recording), str(transcript), "--mute"]) == 2
    assert "needs a terminal" in capsys.readouterr().err


def test_in_a_terminal_words_light_up_and_the_screen_is_given_back(
    recording: Path, tmp_path: Path
) -> None:
    pytest.importorskip("pexpect")
    screens = pytest.importorskip("tests.support.terminal.screen")
    transcript = tmp_path / "talk.jsonl"
    said = final("one two three", start=0.0, end=4.5, display="One two 3")
    transcript.write_text(json.dumps(as_json(said)))
    program = [
        sys.executable,
        "-m",
        "streamer",
        "replay",
        str(recording),
        str(transcript),
        "--mute",
    ]
    screen = screens.Screen(program, columns=60, rows=10)
    screen.wait_for("One two 3")
    screen.wait_for(lambda: screen.style_of("two").reverse)
    assert not screen.style_of("One").reverse
    screen.press("\x1b[D")
    screen.wait_for("‖")
    screen.wait_for(lambda: screen.style_of("One").reverse)
    screen.press("q")
    screen.wait_for_end()
    assert not screen.cursor_hidden
    screen.close()


class FakeStream:
    """PortAudio's output; fails to open at a rate of 1 Hz."""

    latency = 0.25

    def __init__(self, samplerate: int, channels: int, dtype: str) -> None:
        if samplerate == 1:
            raise ValueError("Invalid\nsample rate")
        assert dtype == "float32"
        self.done: list[Any] = []
        FakeStream.last = self

    last: FakeStream

    def start(self) -> None:
        self.done.append("start")

    def write(self, frames: Any) -> None:
        self.done.append(len(frames))

    def stop(self) -> None:
        self.done.append("stop")

    def close(self) -> None:
        self.done.append("close")


@pytest.fixture
def loudspeaker(monkeypatch: pytest.MonkeyPatch) -> type[Loudspeaker]:
    module = SimpleNamespace(OutputStream=FakeStream, PortAudioError=OSError)
    monkeypatch.setattr(player.portaudio, "load", lambda: module)
    return Loudspeaker


def test_the_loudspeaker_plays_and_is_released(loudspeaker: type[Loudspeaker]) -> None:
    output = loudspeaker(RATE_HZ, 1)
    assert output.latency_s == 0.25
    output.write(np.zeros((160, 1), np.float32))
    output.close()
    assert FakeStream.last.done == ["start", 160, "stop", "close"]


def test_without_a_loudspeaker_it_says_what_to_do(loudspeaker: type[Loudspeaker]) -> None:
    with pytest.raises(DeviceError, match=r"\(Invalid sample rate\) - .*--mute"):
        loudspeaker(1, 1)


def test_home_and_end_go_to_the_ends_and_other_keys_nowhere() -> None:
    words = [TimedWord(text, n, n + 0.5) for n, text in enumerate("one two three".split())]
    controller = Controller(Recorder(), words)
    for key, cursor in (("end", 2), ("right", 2), ("x", 2), ("home", 0), ("left", 0)):
        controller.press(key, 80)
        assert controller._cursor == cursor
    controller.press("q", 80)
    assert controller.ended


def test_an_output_that_fails_is_told_to_whoever_looks(recording: Path) -> None:
    class Broken(Output):
        def write(self, frames: Any) -> None:
            raise OSError("the loudspeaker\nis gone")

    played = Player(recording, Broken)
    played.play(0.0)
    played._thread.join(60)
    with pytest.raises(AudioError, match=r"playing failed \(the loudspeaker is gone\) - try"):
        _ = played.playing
    played.close()


def test_a_pause_of_what_does_not_play_stays_where_it_is(recording: Path) -> None:
    played = Player(recording, Output)
    played.pause()
    assert played.position_s == 0.0
    played.close()
