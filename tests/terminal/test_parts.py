"""Small parts of the live view: keys, colours, copying, saving, latencies, standard error."""

from __future__ import annotations

import base64
import io
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.errors import OutputError
from streamer.terminal.drawing.theme import (
    ASCII,
    background_of,
    choose_theme,
    colour_depth,
    make_theme,
)
from streamer.terminal.latency_log import LatencyLog
from streamer.terminal.saving import farewell, save_transcript
from streamer.terminal.tty.background import background_in, may_ask
from streamer.terminal.tty.keyboard import open_keyboard
from streamer.terminal.tty.keys import KeyParser, is_answer
from streamer.terminal.tty.osc52 import MAX_BASE64, copy_sequence
from streamer.terminal.tty.stderr_proxy import StderrProxy
from streamer.terminal.view_state import ViewState
from tests.support.events import final
from tests.support.terminal.terminal_driver import INFO, event_of

STATS = event_of({"stats": {}})
NOON = time.struct_time((2025, 11, 23, 12, 0, 5, 6, 327, 0))


def test_keys_have_names_and_other_sequences_are_ignored() -> None:
    keys = KeyParser().feed("\x1b[A\x1b[1;5Dq\x1bOP\x1b[3~u\x1b[200~\x1bf\r\x1b[H\x7fé")
    assert keys == ["up", "ctrl-left", "q", "delete", "u", "alt-f", "\n", "home", "\x7f", "é"]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.sampled_from(["a", "\x1b[A", "\x1b[1;5C", "\x1b]11;rgb:0/0/0\x07", "\x1b[?6c", "\x1bb"])
    ),
    st.data(),
)
def test_a_sequence_may_arrive_in_pieces(pressed: list[str], data: st.DataObject) -> None:
    text = "".join(pressed)
    at = data.draw(st.integers(0, len(text)))
    parser = KeyParser()
    whole, pieces = KeyParser().feed(text), parser.feed(text[:at]) + parser.feed(text[at:])
    assert pieces == whole and len(whole) == len(pressed)


def test_a_single_escape_is_a_key_when_nothing_follows() -> None:
    parser = KeyParser()
    assert parser.feed("\x1b") == [] and parser.flush() == ["escape"]
    assert parser.feed("\x1b]11;rgb:") == [] and parser.flush() == []


@pytest.mark.parametrize(
    ("answer", "background"),
    [
        ("\x1b]11;rgb:1e1e/1e1e/1e1e\x07", "dark"),
        ("\x1b]11;rgb:fdfd/f6f6/e3e3\x1b\\", "light"),
        ("\x1b]11;rgba:ff/ff/ff/ff\x07", "light"),
        ("\x1b]11;rgb:0/0/0\x07", "dark"),
        ("\x1b]10;rgb:0/0/0\x07", None),
        ("\x1b[?62;c", None),
    ],
)
def test_the_background_is_read_from_the_answer(answer: str, background: str | None) -> None:
    (key,) = KeyParser().feed(answer)
    assert is_answer(key) and background_in(key) == background


def test_terminals_that_would_print_the_question_are_not_asked() -> None:
    assert may_ask({"TERM": "xterm-256color"}) and may_ask({"TERM": "tmux-256color"})
    for environment in ({}, {"TERM": "linux"}, {"TERM": "screen"}, {"TERM": "xterm", "STY": "1"}):
        assert not may_ask(environment)


def test_the_theme_is_that_of_the_environment_or_the_option() -> None:
    assert background_of({"COLORFGBG": "15;0"}) == "dark"
    assert background_of({"COLORFGBG": "0;default;15"}) == "light"
    assert background_of({}) == background_of({"COLORFGBG": "default"}) == "neutral"
    xterm = {"TERM": "xterm-256color"}
    assert choose_theme("utf-8", "light", xterm) == make_theme("light", 256)
    assert choose_theme("utf-8", None, {**xterm, "NO_COLOR": "1"}) == make_theme("neutral", 0)
    assert choose_theme("utf-8", "none", xterm) == make_theme("neutral", 0)
    assert choose_theme("ascii", None, {"TERM": "linux"}) == make_theme("neutral", 16, ASCII)
    depths = {"vt220": 0, "linux": 16, "xterm-16color": 16, "xterm": 256, "screen-256color": 256}
    assert {term: colour_depth({"TERM": term}) for term in depths} == depths


def at_the_end(saved_in: str = "", keys: bool = True, **fields: object) -> str:
    info = replace(INFO, saved_in=saved_in)
    state = ViewState(info, keys=keys, stats=STATS, **fields)  # type: ignore[arg-type]
    return farewell(state, " · ")


def test_the_last_line_says_how_much_was_said_and_where_it_is() -> None:
    said = tuple(final("some words") for _ in range(5))
    assert at_the_end(finals=said) == "5 lines · 0:12 · s would have saved them"
    assert at_the_end(finals=said, saved=("a.txt", 5)) == "5 lines · 0:12 · saved in a.txt"
    assert "the first 3 saved in a.txt" in at_the_end(finals=said, saved=("a.txt", 3))
    assert at_the_end("talk.srt", finals=said) == "5 lines · 0:12 · written to talk.srt"
    assert at_the_end() == "nothing was said · 0:12"
    assert at_the_end(keys=False, finals=said) == ""
    recording = replace(INFO, microphone=False)
    assert farewell(ViewState(recording, keys=True, finals=said), " · ") == ""


def test_a_pipe_is_not_a_keyboard() -> None:
    assert open_keyboard(io.StringIO("q")) is None
    with open("/dev/null") as nothing:
        assert open_keyboard(nothing) is None


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=300))
def test_the_text_is_copied_as_base64(text: str) -> None:
    payload = base64.b64encode(text.encode()).decode()
    plain = f"\x1b]52;c;{payload}\x07"
    assert copy_sequence(text, {}) == plain
    # tmux needs every escape doubled in what it passes on.
    (wrapped,) = re.findall(r"\x1bPtmux;(.*)\x1b\\$", copy_sequence(text, {"TMUX": "x"}), re.S)
    assert wrapped.replace("\x1b\x1b", "\x1b") == plain
    pieces = re.findall(r"\x1bP(.{1,512}?)\x1b\\", copy_sequence(text, {"STY": "x"}), re.S)
    assert "".join(pieces) == plain


def test_a_text_too_long_for_terminals_is_an_error_and_never_cut() -> None:
    longest = MAX_BASE64 // 4 * 3
    assert copy_sequence("x" * longest, {})
    with pytest.raises(OutputError, match=r"too long .* - save it with s"):
        copy_sequence("x" * (longest + 3), {})


def test_saving_twice_in_a_second_overwrites_nothing(tmp_path: Path) -> None:
    first = save_transcript("one\ntwo", tmp_path, lambda: NOON)
    second = save_transcript("three", tmp_path, lambda: NOON)
    assert first.name == "streamer-20251123-120005.txt"
    assert second.name == "streamer-20251123-120005-2.txt"
    assert first.read_bytes() == b"one\ntwo\n" and second.read_bytes() == b"three\n"


def test_an_unwritable_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*missing"):
        save_transcript("one", tmp_path / "missing", lambda: NOON)


def test_latency_counts_until_the_words_are_drawn() -> None:
    log = LatencyLog()
    assert log.percentile(50) is None
    log.received(100.0, now=1.0)
    log.received(None, now=1.0)
    log.received(40.0, now=1.05)
    assert log.percentile(50) is None  # nothing was drawn yet
    log.drawn(now=1.1)
    log.drawn(now=9.0)
    assert log.percentile(0) == pytest.approx(90.0) and log.percentile(95) == pytest.approx(200.0)


def test_complete_lines_are_passed_on_at_once_and_the_rest_at_the_end() -> None:
    taken: list[str] = []
    stream = StderrProxy(io.StringIO(), taken.append)
    print("one\ntwo", end="", file=stream)
    assert taken == ["one"]
    print(" more", file=stream)
    stream.write("three")
    stream.finish()
    stream.finish()
    assert taken == ["one", "two more", "three"]
