"""Small parts of the live view: keyboard, copying, saving, latencies, standard error."""

from __future__ import annotations

import base64
import io
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.errors import OutputError
from streamer.terminal.latency_log import LatencyLog
from streamer.terminal.saving import save_transcript
from streamer.terminal.tty.keyboard import only_keys, open_keyboard
from streamer.terminal.tty.osc52 import MAX_BASE64, copy_sequence
from streamer.terminal.tty.stderr_proxy import StderrProxy

NOON = time.struct_time((2025, 11, 23, 12, 0, 5, 6, 327, 0))


def test_arrows_and_function_keys_are_ignored() -> None:
    assert only_keys("\x1b[A\x1b[1;5qq\x1bOPu\x1b[200~") == ["q", "u"]
    assert only_keys("\r") == ["\n"] and only_keys("\x1b") == []


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
