"""Plain text, on a terminal and in a pipe."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from streamer.events import Gap, Notice
from streamer.output import Edit, create_writer
from streamer.output.text import last_columns
from tests.support.events import any_event, final, partial, stats


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class FlushedAlways(io.StringIO):
    """A stream that fails if the writer returns without flushing."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def flush(self) -> None:
        self.seen.append(self.getvalue())


def test_a_final_is_a_line():
    stream = io.StringIO()
    writer = create_writer("text", stream)
    for event in (partial("hel"), final("hello there"), stats(), Gap(0, 0, 1, 5), final("again")):
        writer.write(event)
    writer.write(Notice(0, 0, "what", "todo"))
    writer.write(Edit(0, 3, "xyz"))
    writer.close()
    assert stream.getvalue() == "hello there\nagain\n"


def test_a_final_without_words_is_not_written():
    stream = io.StringIO()
    create_writer("text", stream).write(final(""))
    assert stream.getvalue() == ""


def test_timestamps_precede_the_line():
    stream = io.StringIO()
    create_writer("text", stream, timestamps=True).write(final("hello", start=3661.5, end=3662.25))
    assert stream.getvalue() == "[01:01:01.500 --> 01:01:02.250] hello\n"


def test_in_a_pipe_each_partial_is_a_marked_line(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = io.StringIO()
    writer = create_writer("text", stream, partials=True)
    for event in (partial("hel"), partial("hello the"), partial(""), final("hello there")):
        writer.write(event)
    writer.close()
    assert stream.getvalue() == "~ hel\n~ hello the\nhello there\n"


def test_on_a_terminal_a_partial_overwrites_its_line(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    pyte = pytest.importorskip("pyte")
    stream = Terminal()
    writer = create_writer("text", stream, partials=True)
    screen = pyte.Screen(80, 5)
    terminal = pyte.Stream(screen)

    def shown() -> list[str]:
        terminal.feed(stream.getvalue().replace("\n", "\r\n"))
        stream.seek(0)
        stream.truncate()
        return [line.rstrip() for line in screen.display if line.strip()]

    writer.write(partial("i scream for"))
    assert shown() == ["i scream for"]
    writer.write(partial("ice"))
    assert shown() == ["ice"]
    writer.write(final("ice cream"))
    assert shown() == ["ice cream"]
    writer.write(partial("mo"))
    assert shown() == ["ice cream", "mo"]
    writer.close()
    writer.close()
    assert shown() == ["ice cream", "mo"]
    assert screen.cursor.x == 0


def test_on_a_dumb_terminal_nothing_is_overwritten(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    writer = create_writer("text", stream, partials=True)
    writer.write(partial("hel"))
    writer.write(final("hello"))
    assert stream.getvalue() == "~ hel\nhello\n"


@settings(max_examples=50, deadline=None)
@given(st.text(), st.integers(5, 100))
def test_a_cut_partial_shows_the_end_of_its_line_and_fits(line, width):
    cut = last_columns(line, width)
    assert cell_len(cut) <= width
    assert cut == line or line.endswith(cut[3:])


@pytest.mark.parametrize("format", ["text", "jsonl", "srt", "vtt"])
@settings(max_examples=30, deadline=None)
@given(events=st.lists(any_event, max_size=5))
def test_every_event_is_flushed_before_the_next(format, events):
    stream = FlushedAlways()
    writer = create_writer(format, stream, partials=True)
    for event in events:
        writer.write(event)
        assert stream.getvalue() == (stream.seen[-1] if stream.seen else "")
