"""The live view inside tmux and screen."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

pytest.importorskip("pexpect", reason="needs pexpect")
if sys.platform == "win32":
    pytest.skip("needs pseudo-terminals", allow_module_level=True)

from streamer.terminal.drawing.layout import layout_of
from streamer.terminal.drawing.wrapping import wrap
from tests.support.terminal.screen import PATIENCE_S, ROOT, Driver, Screen, environment_of

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
needs_screen = pytest.mark.skipif(shutil.which("screen") is None, reason="needs GNU screen")


class Tmux:
    """A separate tmux server with one window."""

    def __init__(self, folder: Path, argv: list[str], columns: int, rows: int) -> None:
        self._socket = folder / "tmux"
        command = " ".join(shlex.quote(word) for word in argv)
        self.run(
            "-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows),
            f"cd {shlex.quote(str(ROOT))}; {command}; echo ended; cat",
        )  # fmt: skip

    def run(self, *words: str) -> str:
        return subprocess.run(
            ["tmux", "-S", str(self._socket), *words],
            env=environment_of({}),
            check=True,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            timeout=PATIENCE_S,
        ).stdout

    def screen(self, *options: str) -> list[str]:
        return self.run("capture-pane", "-p", *options).split("\n")

    def everything(self) -> list[str]:
        """Return the scrollback and the screen, with wrapped rows joined."""
        return [line.rstrip() for line in self.screen("-J", "-S", "-") if line.strip()]

    def wait_for(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < until, "\n".join(self.everything())
            time.sleep(0.02)

    def wait_for_text(self, text: str) -> None:
        self.wait_for(lambda: any(text in line for line in self.screen()))

    def close(self) -> None:
        self.run("kill-server")


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    made = Driver(tmp_path)
    yield made
    made.close()


@pytest.fixture
def tmux(tmp_path: Path, driver: Driver) -> Iterator[Tmux]:
    made = Tmux(tmp_path, driver.argv, 80, 24)
    yield made
    made.close()


@needs_tmux
def test_the_stable_prefix_has_full_colour_and_the_tail_is_dim_in_tmux(
    tmux: Tmux, driver: Driver
) -> None:
    driver.order(partial={"text": "hello brave new world", "stable": "hello brave"})
    tmux.wait_for_text("hello brave new world")
    (row,) = [line for line in tmux.screen("-e") if "hello" in line]
    assert re.match(r"  hello brave \x1b\[38;5;24[45]mnew", row)


@needs_tmux
def test_resizing_tmux_while_someone_speaks_leaves_no_copy_of_the_region(
    tmux: Tmux, driver: Driver
) -> None:
    said = [f"line {number} of the talk which is rather long for a row" for number in range(12)]
    driver.order(stats={})
    for segment, text in enumerate(said):
        driver.order(final={"text": text, "segment": segment})
    words = [f"word{number}" for number in range(20)]
    driver.order(gap={})  # all of it is in the scrollback, and a new row begins
    driver.order(partial={"text": " ".join(words), "stable": "word0", "segment": 50})
    tmux.wait_for_text("word19")
    for columns, rows in ((40, 12), (120, 40), (30, 8), (80, 24)):
        tmux.run("resize-window", "-x", str(columns), "-y", str(rows))
        words.append("more")
        driver.order(partial={"text": " ".join(words), "stable": "word0", "segment": 50})

        room = layout_of(columns).text
        expected = [" ".join(words)[a:b] for a, b in wrap(" ".join(words), room)]

        def settled() -> bool:
            """Return whether the words, or the last of them, are wrapped for the new width."""
            spoken = [line[2:] for line in tmux.screen() if "word" in line or "more" in line]
            shown = expected[-len(spoken) :]  # noqa: B023
            return spoken[1:] == shown[1:] and bool(spoken) and shown[0] == spoken[0]

        tmux.wait_for(settled)
    tmux.wait_for_text("word0")
    everything = tmux.everything()
    assert sum("listening" in line for line in everything) == 1
    assert sum("word0" in line for line in everything) == 1
    text = " ".join(" ".join(everything).split())
    assert [text.count(f"line {number} of the talk") for number in range(12)] == [1] * 12
    tmux.run("send-keys", "q")
    tmux.wait_for_text("ended")
    assert not any("listening" in line or "word" in line for line in tmux.everything())


@needs_tmux
def test_the_status_never_disappears_while_words_arrive_in_tmux(tmux: Tmux, driver: Driver) -> None:
    driver.order(stats={})
    tmux.wait_for_text("listening")
    for number in range(60):
        driver.order(partial={"text": f"count {number} " + "word " * (number % 30)})
        if number % 7 == 0:
            driver.order(gap={"samples": number + 1})
        lines = tmux.screen()
        assert sum("listening" in line for line in lines) == 1, "\n".join(lines)
    tmux.wait_for_text("count 59")


@needs_tmux
def test_copying_reaches_the_clipboard_of_tmux(tmux: Tmux, driver: Driver) -> None:
    tmux.run("set-option", "-s", "set-clipboard", "on")
    driver.order(final={"text": "to be copied"})
    tmux.wait_for_text("to be copied")
    tmux.run("send-keys", "c")
    tmux.wait_for_text("3 words sent to the clipboard")
    tmux.wait_for(lambda: "to be copied" in tmux.run("list-buffers"))
    assert tmux.run("show-buffer") == "to be copied"


@needs_screen
def test_it_works_inside_screen(driver: Driver, tmp_path: Path) -> None:
    folder = tmp_path / "screens"
    folder.mkdir(mode=0o700)
    screen = Screen(
        ["screen", "-U", "-c", "/dev/null", *driver.argv],
        environment={"SCREENDIR": str(folder)},
    )
    try:
        driver.order(stats={})
        for segment in range(40):
            driver.order(final={"text": f"line number {segment}", "segment": segment})
        driver.order(partial={"text": "what comes next", "stable": "what", "segment": 40})
        screen.wait_for("what comes")
        text = " ".join(" ".join(screen.lines()).split())
        assert re.search(r"line number 39 what comes next ● listening", text)
        screen.press("q")
        screen.wait_for(driver.did("ended"))
    finally:
        screen.close()
