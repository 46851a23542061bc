"""The live view in a pseudo-terminal: screen, keys, shutdown."""

from __future__ import annotations

import base64
import os
import re
import signal
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest

pytest.importorskip("pexpect", reason="needs pexpect")
if sys.platform == "win32":
    pytest.skip("needs pseudo-terminals", allow_module_level=True)

from tests.support.terminal.screen import Driver, Screen

SIZES = [(120, 35), (80, 24), (40, 15)]

#: Signals that kill a program without a handler, SIGKILL included. Python ignores
#: SIGPIPE and SIGXFSZ by default.
STOPPING = {"SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGCONT"}
HARMLESS = {"SIGCHLD", "SIGURG", "SIGWINCH", "SIGINFO", "SIGPIPE", "SIGXFSZ", "SIGRTMAX"}
DEADLY = sorted(s.name for s in signal.Signals if s.name not in STOPPING | HARMLESS)


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    made = Driver(tmp_path)
    yield made
    made.close()


@pytest.fixture
def open_screen() -> Iterator[Callable[..., Screen]]:
    screens: list[Screen] = []

    def make(
        argv: list[str],
        columns: int = 80,
        rows: int = 24,
        environment: dict[str, str | None] | None = None,
    ) -> Screen:
        screens.append(Screen(argv, columns, rows, environment))
        return screens[-1]

    yield make
    for screen in screens:
        screen.close()


def in_shell(argv: list[str], redirection: str = "") -> list[str]:
    """Return a shell command that runs a program and leaves the terminal's settings alone.

    It waits for Enter before and after, so that the settings can be read.
    """
    script = f'ulimit -c 0; echo ready; read _; "$@" {redirection}; echo "status $?"; read _'
    return ["/bin/sh", "-c", script, "sh", *argv]


def is_cbreak(settings: list[Any]) -> bool:
    return not settings[3] & (termios.ECHO | termios.ICANON) and bool(settings[3] & termios.ISIG)


def flowing(screen: str) -> str:
    """Return the words on a screen, without the status row."""
    return " ".join(screen.partition("  ● ")[0].split())


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_finals_stay_in_the_scrollback_and_the_region_is_below_them(
    driver: Driver, open_screen: Callable[..., Screen], columns: int, rows: int
) -> None:
    screen = open_screen(driver.argv, columns, rows)
    said = [f"line number {number} of the talk" for number in range(50)]
    driver.order(stats={})
    for segment, text in enumerate(said):
        driver.order(partial={"text": text[:9], "segment": segment})
        driver.order(final={"text": text, "segment": segment})
    driver.order(partial={"text": "what comes 漢字 next", "stable": "what", "segment": 50})
    screen.wait_for("漢字 next")
    region = "\n".join(screen.lines())
    assert flowing(region).endswith(f"{said[-1]} what comes 漢字 next")
    *_, above, status = region.rstrip().split("\n")
    meter = "█████▋··" if columns >= 80 else "██▊·"
    assert above == "" and status.startswith(f"  ● listening  0:12  vol▕{meter}▏")
    assert screen.cursor_hidden

    driver.order(final={"text": "the very last words", "segment": 50})
    driver.order(stop={})
    screen.wait_for_end()
    assert flowing("\n".join(screen.everything())) == " ".join([*said, "the very last words"])
    assert not screen.cursor_hidden and screen.child.exitstatus == 0


def test_keys_do_what_the_help_says(
    tmp_path: Path, driver: Driver, open_screen: Callable[..., Screen]
) -> None:
    screen = open_screen(driver.argv)
    driver.order(stats={})
    driver.order(final={"text": "first line", "start": 61.0})
    driver.order(final={"text": "second line", "segment": 1, "join": "\n\n"})
    screen.wait_for("second line")
    screen.press("?")
    screen.wait_for("undo last")
    screen.press("i")
    screen.wait_for("212 ms, p95 340 ms")
    screen.press("i")
    screen.wait_for(lambda: not any("212" in line for line in screen.lines()))
    screen.press(" ")
    screen.wait_for("‖ paused")
    screen.wait_for(driver.did("pause"))
    screen.press(" ")
    screen.wait_for("● listening")
    screen.wait_for(driver.did("resume"))
    screen.press("\r")
    screen.wait_for(driver.did("end"))
    screen.press("\x1b[A")  # an arrow does nothing, its letters included
    screen.press("u")
    screen.wait_for("undone")
    screen.wait_for(driver.did("undo second line"))
    assert not any("second line" in line for line in screen.lines())
    screen.press("t")
    screen.wait_for("times on")
    driver.order(final={"text": "third lime", "start": 75.0, "segment": 2, "join": "\n\n"})
    screen.wait_for(lambda: any(re.match(r"  third lime +1:15$", row) for row in screen.lines()))
    screen.press("e")
    screen.wait_for("enter keeps it")
    screen.press("\x1b[D\x7fn\r")
    screen.wait_for(driver.did("edit third line"))
    screen.press("r")
    screen.wait_for(driver.did("remember lime = line"))
    screen.press("/FIRST")
    screen.wait_for("› FIRST   1 of 1, at 1:01")
    screen.press("\x1b")
    screen.wait_for(lambda: not any("FIRST" in line for line in screen.lines()))
    screen.press("x")
    screen.wait_for("2 words sent to the clipboard")
    assert f"\x1b]52;c;{base64.b64encode(b'third line').decode()}\x07".encode() in screen.raw
    screen.press("c")
    screen.wait_for("4 words sent to the clipboard")
    copied = base64.b64encode(b"first line\n\nthird line").decode()
    assert f"\x1b]52;c;{copied}\x07".encode() in screen.raw
    screen.press("s")
    screen.wait_for("2 lines saved in streamer-")
    (saved,) = tmp_path.glob("streamer-*.txt")
    assert saved.read_text() == "first line\n\nthird line\n"
    screen.press("q")
    screen.wait_for_end()
    assert driver.did("quit")() and driver.did("ended")()


def test_from_the_first_frame_to_the_last_line(
    tmp_path: Path, open_screen: Callable[..., Screen]
) -> None:
    driver = Driver(tmp_path, "loading", "farewell")
    screen = open_screen(driver.argv)
    screen.wait_for("loading the model")
    screen.wait_for("⠙ loading")  # the spinner turns
    driver.order(opened={})
    screen.wait_for("speak now")
    screen.wait_for("built-in microphone")
    driver.order(loaded={})
    screen.wait_for("● listening")
    driver.order(stats={})
    driver.order(final={"text": "hello"})
    screen.wait_for("hello")
    assert not any("speak now" in line for line in screen.lines())
    screen.press("q")
    screen.wait_for_end()
    assert [line for line in screen.lines() if line] == [
        "  hello", "  1 line · 0:12 · s would have saved it",
    ]  # fmt: skip
    driver.close()


@pytest.mark.parametrize(("columns", "rows"), SIZES)
@pytest.mark.parametrize("theme", ["dark", "light", "none"])
def test_the_status_row_stands_still_and_the_tail_is_grey(
    tmp_path: Path, open_screen: Callable[..., Screen], columns: int, rows: int, theme: str
) -> None:
    driver = Driver(tmp_path, theme)
    screen = open_screen(driver.argv, columns, rows)
    driver.order(stats={})
    driver.order(final={"text": "what was said before", "join": ""})
    driver.order(partial={"text": "and now this tail", "stable": "and now", "segment": 1})
    screen.wait_for("tail")
    assert screen.lines()[1].startswith("  what was said before")
    status = screen.row_of("● listening")
    assert screen.lines()[status - 1] == ""
    tail, accent = screen.style_of("tail"), screen.style_of("● listening")
    assert screen.style_of("and now").fg == screen.style_of("what was").fg == "default"
    colours = {"dark": ("a8a8a8", "5fd7af"), "light": ("626262", "00875f")}
    assert (tail.fg, accent.fg) == colours.get(theme, ("default", "default"))
    if theme == "none":
        assert b"\x1b[2mthis tail" in screen.raw and b"\x1b[1m\xe2\x97\x8f" in screen.raw
    for key in "?ii":
        screen.press(key)
    driver.order(partial={"text": "and now", "segment": 1})
    screen.wait_for(lambda: not any("tail" in line for line in screen.lines()))
    assert screen.row_of("● listening") >= status
    assert max(map(len, screen.lines())) <= min(columns - 2, 90)
    screen.press("q")
    screen.wait_for_end()
    driver.close()


@pytest.mark.parametrize(
    ("answer", "grey"), [("1e1e/1e1e/1e1e", "a8a8a8"), ("ffff/ffff/ffff", "626262")]
)
def test_the_colours_are_those_for_the_background_that_the_terminal_answers(
    driver: Driver, open_screen: Callable[..., Screen], answer: str, grey: str
) -> None:
    screen = open_screen(driver.argv)
    screen.wait_for(lambda: b"\x1b]11;?\x07" in screen.raw)
    screen.press(f"\x1b]11;rgb:{answer}\x07")
    driver.order(partial={"text": "hello"})
    screen.wait_for("hello")
    screen.wait_for(lambda: screen.style_of("hello").fg == grey)
    screen.press("q")
    screen.wait_for_end()


def test_a_failing_action_is_shown_and_the_view_goes_on(
    tmp_path: Path, open_screen: Callable[..., Screen]
) -> None:
    driver = Driver(tmp_path, "busy")
    screen = open_screen(driver.argv)
    screen.wait_for("● listening")
    screen.press(" ")
    screen.wait_for("paused")
    screen.press(" ")
    screen.wait_for("error: the microphone is busy - close the program that uses it")
    screen.wait_for("‖ paused")
    screen.press("q")
    screen.wait_for_end()
    driver.close()


def test_it_follows_the_terminal_when_it_is_resized_while_someone_speaks(
    driver: Driver, open_screen: Callable[..., Screen]
) -> None:
    screen = open_screen(driver.argv, 60, 24)
    words = [f"word{number}" for number in range(30)]
    driver.order(stats={})
    driver.order(final={"text": "an earlier line", "segment": 0})
    driver.order(gap={})  # so that it is in the scrollback
    screen.wait_for("lost 0.50 s of sound")
    for columns in (100, 40, 120, 60):
        driver.order(partial={"text": " ".join(words), "segment": 1})
        screen.wait_for("word29")
        screen.resize(columns, 24)
        words.append("more")
        driver.order(partial={"text": " ".join(words), "segment": 1})

        def settled() -> bool:
            lines = screen.lines()
            said = [line for line in lines if "word" in line or "more" in line]
            return (
                " ".join(said).split() == words  # noqa: B023
                and max(map(len, said)) > min(columns - 10, 80) - 8  # noqa: B023
                and sum("listening" in line for line in lines) == 1
            )

        screen.wait_for(settled)
        assert screen.lines().count("  an earlier line") == 1
        words = words[:30]
    screen.press("q")
    screen.wait_for_end()
    assert [line for line in screen.everything() if line] == [
        "  an earlier line", "  lost 0.50 s of sound",
    ]  # fmt: skip


def test_after_five_minutes_without_a_pause_the_tail_is_shown(
    driver: Driver, open_screen: Callable[..., Screen]
) -> None:
    screen = open_screen(driver.argv, 40, 12)
    driver.order(stats={})
    words = [f"word{number}" for number in range(750)]
    for count in (10, 400, 750):
        driver.order(partial={"text": " ".join(words[:count]), "stable": " ".join(words[:5])})
    screen.wait_for("word749")
    assert screen.lines()[0].startswith("… word")
    assert any("● listening" in line for line in screen.lines())
    screen.press("q")
    screen.wait_for_end()
    assert not any(screen.everything())


def test_without_colour_no_colour_is_written(
    driver: Driver, open_screen: Callable[..., Screen]
) -> None:
    screen = open_screen(driver.argv, environment={"NO_COLOR": "1", "COLORTERM": "truecolor"})
    driver.order(gap={})
    driver.order(stats={"clipped": True})
    driver.order(partial={"text": "hello world", "stable": "hello"})
    screen.wait_for("lost 0.5 s")
    screen.wait_for("clipping")
    screen.press("q")
    screen.wait_for_end()
    codes = {c for seq in re.findall(rb"\x1b\[([\d;]*)m", screen.raw) for c in seq.split(b";")}
    assert codes <= {b"0", b"1", b"2", b"4"} and b"2" in codes


def test_lost_sound_is_red_and_words_of_low_confidence_are_underlined(
    driver: Driver, open_screen: Callable[..., Screen]
) -> None:
    screen = open_screen(driver.argv, environment={"TERM": "xterm-16color"})
    driver.order(stats={})
    driver.order(gap={})
    driver.order(final={"text": "so so", "words": [["so", 0, 0.5, 0.9], ["so", 0.5, 1, 0.1]]})
    screen.wait_for("lost 0.5 s")
    screen.wait_for("so so")
    assert screen.style_of("lost 0.5 s").fg == screen.style_of("lost 0.50").fg == "red"
    assert not screen.style_of("so so").underscore
    assert b"so \x1b[4mso" in screen.raw


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"ACCESSIBLE": "1"}])
def test_a_dumb_terminal_or_a_screen_reader_gets_plain_lines_and_nothing_else(
    driver: Driver, open_screen: Callable[..., Screen], environment: dict[str, str | None]
) -> None:
    screen = open_screen(driver.argv, environment=environment)
    driver.order(stats={})
    driver.order(partial={"text": "hel"})
    driver.order(final={"text": "hello"})
    screen.wait_for("hello")
    driver.order(crash={})
    screen.wait_for_end()
    assert b"\x1b" not in screen.raw and screen.raw.startswith(b"hello\r\n")


def test_lines_written_to_standard_error_appear_above_the_region(
    driver: Driver, open_screen: Callable[..., Screen]
) -> None:
    screen = open_screen(driver.argv)
    driver.order(stats={})
    screen.wait_for("● listening")
    driver.order(complain="something is deprecated")
    screen.wait_for("something is deprecated")
    driver.order(warning={"what": "no sound", "todo": "unmute the microphone"})
    driver.order(gap={})
    driver.order(partial={"text": "hello"})
    screen.wait_for("hello")
    screen.wait_for("no sound · unmute the microphone")
    assert screen.row_of("something is deprecated") < screen.row_of("lost 0.50 s of sound")
    assert screen.row_of("lost 0.50 s of sound") < screen.row_of("hello")
    assert screen.row_of("hello") < screen.row_of("no sound") < screen.row_of("● listening")
    screen.press("q")
    screen.wait_for_end()
    assert any("something is deprecated" in line for line in screen.lines())
    assert not any("no sound" in line for line in screen.lines())
    assert not any("hello" in line for line in screen.lines())


def test_never_more_than_15_frames_a_second(
    driver: Driver, open_screen: Callable[..., Screen]
) -> None:
    screen = open_screen(driver.argv)
    for number in range(400):
        driver.order(partial={"text": f"count {number}"})
    screen.wait_for("count 399")
    screen.press("q")
    screen.wait_for_end()
    assert driver.logged("frames") != "many"


def test_with_a_pipe_no_line_appears_twice_on_the_screen(
    driver: Driver, open_screen: Callable[..., Screen], tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    screen = open_screen(in_shell(driver.argv, f"| tee {notes}"), 60)
    screen.wait_for("ready")
    screen.press("\r")
    driver.order(stats={})
    long = "this one is longer than a row of the terminal is wide and so it goes on below"
    for segment, text in enumerate(["hello there", long, "the end"]):
        driver.order(partial={"text": text[:8], "segment": segment})
        screen.wait_for(text[:8])
        driver.order(final={"text": text, "segment": segment})
        # tee writes to the terminal before the file; until then, either it or the live
        # region may write first.
        screen.wait_for(lambda said=text: notes.exists() and said in notes.read_text())
        driver.order(stats={})
        screen.wait_for(text[:20])
    screen.press("q")
    screen.wait_for("status 0")
    shown = [line for line in screen.everything() if line]
    assert shown[-5:] == ["hello there", long[:60], long[60:], "the end", "status 0"]
    assert notes.read_bytes() == f"hello there\n{long}\nthe end\n".encode()


def test_with_a_file_the_finals_are_also_shown(
    driver: Driver, open_screen: Callable[..., Screen], tmp_path: Path
) -> None:
    screen = open_screen(
        in_shell(driver.argv, f"> {tmp_path / 'notes'}"), environment={"FORCE_COLOR": "1"}
    )
    screen.wait_for("ready")
    screen.press("\r")
    driver.order(stats={})
    driver.order(final={"text": "hello there"})
    screen.wait_for("hello there")
    screen.wait_for("● listening")
    screen.press("q")
    screen.wait_for("status 0")
    assert (tmp_path / "notes").read_bytes() == b"hello there\n"


def test_without_a_keyboard_it_works_without_keys(
    driver: Driver, open_screen: Callable[..., Screen]
) -> None:
    screen = open_screen(in_shell(driver.argv, "< /dev/null"))
    before = screen.settings()
    screen.wait_for("ready")
    screen.press("\r")
    screen.wait_for("● listening")
    assert screen.settings() == before
    driver.order(partial={"text": "hello"})
    screen.wait_for("hello")
    os.kill(int(driver.logged("pid")), signal.SIGINT)
    screen.wait_for("status")
    assert screen.settings() == before and not screen.cursor_hidden


@pytest.mark.parametrize("way", ["crash", "fault", *DEADLY])
def test_the_terminal_is_restored_however_the_program_dies(
    driver: Driver, open_screen: Callable[..., Screen], way: str
) -> None:
    screen = open_screen(in_shell(driver.argv))
    before = screen.settings()
    screen.wait_for("ready")
    screen.press("\r")
    driver.order(stats={})
    driver.order(final={"text": "what was said"})
    driver.order(partial={"text": "still being said", "segment": 1})
    screen.wait_for("still being said")
    assert is_cbreak(screen.settings()) and screen.cursor_hidden
    if way in ("crash", "fault"):
        driver.order(**{way: {}})
    else:
        os.kill(int(driver.logged("pid")), signal.Signals[way])
    screen.wait_for(lambda: "status" in "\n".join(screen.everything()))
    screen.wait_for(lambda: screen.settings() == before)
    screen.wait_for(lambda: not screen.cursor_hidden)
    # The shell may write its "status" into the same line at the same time.
    screen.wait_for(
        lambda: any(
            "said still being said" in line or "what was said" in line
            for line in screen.everything()
        )
    )
    assert not any("status 0" in line for line in screen.everything())


def test_ctrl_z_gives_the_terminal_back_and_fg_takes_it_again(
    driver: Driver, open_screen: Callable[..., Screen]
) -> None:
    screen = open_screen(
        ["/bin/bash", "--norc", "--noprofile", "-i"], environment={"PS1": "prompt> "}
    )
    screen.wait_for("prompt>")
    settings: list[str] = []

    def shell(line: str, shows: str) -> None:
        screen.press(line + "\r")
        screen.wait_for(shows)

    def keep_settings(mark: str) -> None:
        shell(f'echo "{mark}=$(stty -g)="', f"{mark}=")
        screen.wait_for(lambda: bool(re.search(rf"^{mark}=(\S+)=$", "\n".join(flat()), re.M)))
        (found,) = re.findall(rf"^{mark}=(\S+)=$", "\n".join(flat()), re.M)
        settings.append(found)

    def flat() -> list[str]:
        """Return the rows, with wrapped ones joined."""
        joined: list[str] = []
        wrapped = False
        for line in screen.everything():
            if wrapped:
                joined[-1] += line
            else:
                joined.append(line)
            wrapped = len(line) == 80
        return joined

    keep_settings("before")
    shell(" ".join(driver.argv), "● listening")
    driver.order(stats={})
    driver.order(partial={"text": "one two"})
    screen.wait_for("one two")
    screen.press("\x1a")
    screen.wait_for("Stopped")
    screen.wait_for(lambda: not screen.cursor_hidden)
    assert not any("listening" in line for line in screen.lines())
    keep_settings("stopped")

    shell("fg", "one two")
    screen.wait_for(lambda: is_cbreak(screen.settings()))
    screen.press("t")
    screen.wait_for("times on")

    screen.press("\x1a")  # a second time, and on in the background
    screen.wait_for(lambda: "\n".join(screen.everything()).count("Stopped") == 2)
    shell("bg", "&")
    driver.order(final={"text": "said in the background"})
    keep_settings("background")
    assert not any("said in the background" in line for line in screen.everything())
    shell("fg", "said in the background")
    screen.wait_for("● listening")
    screen.press("q")
    screen.wait_for(driver.did("ended"))
    keep_settings("after")
    assert len(set(settings)) == 1


def test_a_stop_that_cannot_be_caught_is_survived(
    driver: Driver, open_screen: Callable[..., Screen]
) -> None:
    screen = open_screen(in_shell(driver.argv))
    before = screen.settings()
    screen.wait_for("ready")
    screen.press("\r")
    driver.order(stats={})
    screen.wait_for("● listening")
    pid = int(driver.logged("pid"))
    os.kill(pid, signal.SIGSTOP)
    os.kill(pid, signal.SIGCONT)
    driver.order(partial={"text": "hello again"})
    screen.wait_for("hello again")
    screen.press("q")
    screen.wait_for("status 0")
    assert screen.settings() == before
