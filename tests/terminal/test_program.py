"""The whole program in a pseudo-terminal: bundled model, files, microphone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

pytest.importorskip("pexpect", reason="needs pexpect")
if sys.platform == "win32":
    pytest.skip("needs pseudo-terminals", allow_module_level=True)

import soundfile

from streamer.cli.commands.speech.demo import sample_path
from tests.support.audio.pulse import needs_pulse, virtual_microphone
from tests.support.terminal.screen import Screen, environment_of

pytestmark = pytest.mark.skipif(
    not sample_path().is_file(), reason="needs the bundled model and its sample"
)

PROGRAM = [sys.executable, "-m", "streamer.cli.app"]
#: Long enough for a partial and a final.
CLIP_S = 2.5


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first seconds of the sample, to keep real-time runs short."""
    samples, rate = soundfile.read(sample_path(), dtype="int16")
    path = tmp_path_factory.mktemp("clip") / "clip.wav"
    soundfile.write(path, samples[: int(CLIP_S * rate)], rate)
    return path


@pytest.fixture(scope="module")
def said(clip: Path) -> list[str]:
    """The finals of the clip, from a pipe."""
    done = subprocess.run(
        [*PROGRAM, "transcribe", str(clip)],
        env=environment_of({}), stdout=subprocess.PIPE, check=True, encoding="utf-8",
    )  # fmt: skip
    assert done.stdout.strip()
    return done.stdout.splitlines()


@pytest.fixture
def open_screen(tmp_path: Path) -> Iterator[Callable[..., Screen]]:
    screens: list[Screen] = []

    def make(
        *words: str,
        columns: int = 80,
        rows: int = 24,
        environment: dict[str, str | None] | None = None,
    ) -> Screen:
        """Start the program from a shell that waits before and after it."""
        script = 'ulimit -c 0; echo ready; read _; "$@"; echo "status $?"; read _'
        note_pid = ["/bin/sh", "-c", 'echo $$ > "$0"; exec "$@"', str(tmp_path / "pid")]
        argv = ["/bin/sh", "-c", script, "sh", *note_pid, *PROGRAM, *words]
        screens.append(Screen(argv, columns, rows, environment))
        return screens[-1]

    yield make
    for screen in screens:
        screen.close()


def begin(screen: Screen) -> None:
    """Let the shell start the program and wait for its status line."""
    screen.wait_for("ready")
    screen.press("\r")
    screen.wait_for(
        lambda: bool(re.search(r"(● (listening|playing|reading)|loading)", "".join(screen.lines())))
    )


def joined(screen: Screen) -> str:
    return " ".join(" ".join(screen.everything()).split())


@pytest.mark.slow
@pytest.mark.parametrize(("columns", "rows"), [(40, 12), (120, 40)])
def test_words_appear_while_they_are_spoken_and_finals_stay(
    open_screen: Callable[..., Screen], clip: Path, said: list[str], columns: int, rows: int
) -> None:
    screen = open_screen("transcribe", "--realtime", str(clip), columns=columns, rows=rows)
    before = screen.settings()
    begin(screen)
    first = said[0].split()[0]
    screen.wait_for("● playing")
    screen.wait_for(lambda: any(line.strip().startswith(first) for line in screen.lines()))
    screen.press("i")
    screen.wait_for("onnx CPU")
    screen.wait_for("status 0")
    shown = joined(screen)
    assert shown.startswith("ready") and " ".join(said) in shown
    assert shown.count(" ".join(said)) == 1 and "playing" not in shown
    assert screen.settings() == before and not screen.cursor_hidden


def test_the_demo_ends_with_a_table_and_q_ends_it_early_with_the_last_words(
    open_screen: Callable[..., Screen],
) -> None:
    screen = open_screen("demo")
    begin(screen)
    screen.wait_for("● playing")
    screen.press("i")
    screen.wait_for("ms a chunk")
    screen.press(" ")
    screen.wait_for("this source cannot be paused")
    screen.wait_for("as sure")  # words have been on the screen
    screen.press("q")
    screen.wait_for("status 0")
    lines = screen.everything()
    for name in ("chunks of the network", "on the screen", "real-time factor", "memory"):
        assert any(name in line for line in lines), "\n".join(lines)
    assert any(re.match(r"  [A-Z][\w,.' ]+$", line) for line in lines)


@pytest.mark.parametrize("way", ["SIGTERM", "SIGKILL"])
def test_a_signal_restores_the_terminal(
    open_screen: Callable[..., Screen], clip: Path, way: str, tmp_path: Path
) -> None:
    """The other signals are tested on the view alone, in test_live_view."""
    screen = open_screen("transcribe", "--realtime", str(clip))
    before = screen.settings()
    begin(screen)
    screen.wait_for("● playing")
    os.kill(int((tmp_path / "pid").read_text()), signal.Signals[way])
    screen.wait_for(lambda: "status" in joined(screen))
    graceful = way == "SIGTERM"
    screen.wait_for(lambda: screen.settings() == before)
    screen.wait_for(lambda: not screen.cursor_hidden)
    assert ("status 0" in joined(screen)) == graceful
    assert "Traceback" not in joined(screen)


def test_enter_ends_an_utterance_and_u_undoes_it(
    open_screen: Callable[..., Screen], said: list[str]
) -> None:
    screen = open_screen("demo")
    begin(screen)
    first = said[0].split()[0]
    screen.wait_for(lambda: any(line.strip().startswith(first) for line in screen.lines()))
    screen.press("\r")
    screen.wait_for("utterance ended")
    screen.wait_for(lambda: any(line.strip().startswith(first) for line in screen.everything()))
    screen.press("u")
    screen.wait_for(lambda: "undone" in joined(screen) or "nothing to undo" in joined(screen))
    screen.press("q")
    screen.wait_for("status 0")


def test_audio_from_a_pipe_is_shown_without_keys(
    clip: Path, said: list[str], tmp_path: Path
) -> None:
    """The pipe stays open at the end, so that the words stay on the screen."""
    samples, rate = soundfile.read(clip, dtype="int16")
    raw, end = tmp_path / "clip.raw", tmp_path / "end"
    raw.write_bytes(samples.tobytes())
    os.mkfifo(end)
    script = 'sound=$1; end=$2; shift 2; { cat "$sound" "$end"; } | "$@"; echo "status $?"; read _'
    words = ["transcribe", "-", "--rate", str(rate)]
    screen = Screen(["/bin/sh", "-c", script, "sh", str(raw), str(end), *PROGRAM, *words])
    try:
        before = screen.settings()
        first = said[0].split()[0]
        screen.wait_for("● listening")
        screen.wait_for(lambda: any(line.strip().startswith(first) for line in screen.lines()))
        assert screen.settings() == before  # no keyboard was taken
        end.write_bytes(b"")
        screen.wait_for("status 0")
        assert " ".join(said) in joined(screen) and "● listening" not in joined(screen)
        assert not screen.cursor_hidden
    finally:
        screen.close()


@pytest.mark.slow
@needs_pulse
def test_space_releases_the_microphone_and_opens_it_again(
    open_screen: Callable[..., Screen], clip: Path, said: list[str]
) -> None:
    with virtual_microphone() as microphone:
        screen = open_screen("listen", environment=dict(microphone.env))
        begin(screen)
        screen.wait_for(lambda: len(microphone.listeners()) == 1)
        screen.press(" ")
        screen.wait_for("‖ paused")
        screen.wait_for(lambda: not microphone.listeners())
        screen.press(" ")
        screen.wait_for(lambda: len(microphone.listeners()) == 1)
        with microphone.start_speaking(clip):
            screen.wait_for("● listening")
            screen.wait_for(lambda: said[0].split()[0] in joined(screen))
        screen.press("q")
        screen.wait_for("status 0")
        assert not microphone.listeners()
