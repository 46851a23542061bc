"""Who prints what, for every combination of terminals, files and pipes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from streamer.terminal.routing import (
    PLAIN,
    Routing,
    RoutingOptions,
    route,
    route_streams,
)

pty = pytest.importorskip("pty", reason="needs pseudo-terminals")


def test_on_one_terminal_only_the_view_prints_finals() -> None:
    routing = route(True, True, "xterm", RoutingOptions(same_terminal=True))
    assert routing == Routing(live=True, view_prints_finals=True, writer_prints=False)


def test_a_pipe_may_print_to_the_same_terminal_so_the_view_prints_no_finals() -> None:
    routing = route(False, True, "xterm", RoutingOptions(piped=True))
    assert routing == Routing(live=True, view_prints_finals=False, writer_prints=True)


def test_a_file_shows_nothing_so_the_view_prints_the_finals_too() -> None:
    routing = route(False, True, "xterm", RoutingOptions(piped=False))
    assert routing == Routing(live=True, view_prints_finals=True, writer_prints=True)


@pytest.mark.parametrize("stdout_is_tty", [True, False])
def test_without_a_terminal_on_standard_error_there_is_no_view(stdout_is_tty: bool) -> None:
    assert route(stdout_is_tty, False, "xterm") == PLAIN


@pytest.mark.parametrize("term", [None, "", "dumb", "unknown"])
def test_dumb_terminals_get_plain_lines(term: str) -> None:
    assert route(True, True, term) == PLAIN


def test_plain_output_never_has_a_view() -> None:
    assert route(True, True, "xterm", RoutingOptions(plain=True)) == PLAIN


@pytest.mark.parametrize("format", ["jsonl", "srt", "vtt"])
def test_data_formats_on_the_terminal_are_printed_without_a_view(format: str) -> None:
    assert route(True, True, "xterm", RoutingOptions(format=format)) == PLAIN
    piped = route(False, True, "xterm", RoutingOptions(format=format, piped=True))
    assert piped.live and piped.writer_prints


@pytest.fixture
def terminals() -> Iterator[tuple[TextIO, TextIO]]:
    """The program's side of two terminals."""
    ends = [pty.openpty(), pty.openpty()]
    streams = [os.fdopen(end[1], "w") for end in ends]
    yield streams[0], streams[1]
    for stream in streams:
        stream.close()
    for end in ends:
        os.close(end[0])


def test_streams_are_examined_not_the_environment(
    terminals: tuple[TextIO, TextIO], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    one, other = terminals
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as pipe, (tmp_path / "out").open("w") as file:
        assert not route_streams(stdout=one, stderr=one).writer_prints
        assert route_streams(stdout=one, stderr=other).writer_prints
        assert not route_streams(stdout=pipe, stderr=one).view_prints_finals
        assert route_streams(stdout=file, stderr=one).view_prints_finals
        assert route_streams(stdout=pipe, stderr=pipe) == PLAIN
        assert route_streams(stdout=one, stderr=file) == PLAIN
    os.close(reader)
    assert route_streams(stdout=file, stderr=file) == PLAIN  # closed: no terminal
