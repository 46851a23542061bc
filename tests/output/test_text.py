"""Plain text, on a terminal and in a pipe."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from streamer.events import Close, Final, Gap, Notice
from streamer.output import Edit, create_writer
from streamer.output.streams import write_now
from streamer.output.text import CUT_MARK, last_columns
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


STORY = (
    final("We went home"),
    partial("and they", "and"),
    final("and they stayed", join=", "),
    Close(1, 2, 4.0, "."),
    final("24 cats", join=" "),
    final("Really", join=". "),
    Close(3, 5, 9.0, "?"),
    final("Yes", join="\n\n"),
)


def test_each_line_ends_with_its_mark_and_a_blank_line_is_between_paragraphs():
    stream = io.StringIO()
    writer = create_writer("text", stream)
    for event in STORY:
        writer.write(event)
    writer.close()
    text = "We went home,\nand they stayed.\n24 cats.\nReally?\n\nYes\n"
    assert stream.getvalue() == text


@pytest.mark.parametrize("options", [{}, {"timestamps": True}, {"partials": True}])
def test_a_pipe_gets_whole_lines_only(options):
    stream = io.StringIO()
    writer = create_writer("text", stream, **options)
    for event in STORY:
        writer.write(event)
        assert stream.getvalue() == "" or stream.getvalue().endswith("\n")
    writer.close()
    lines = stream.getvalue().splitlines()
    assert all(lines) or not options.get("timestamps")
    assert ("~ We went home and they" in lines) == ("partials" in options)


def test_a_file_has_each_final_at_once_and_the_same_text_in_the_end():
    stream, file = io.StringIO(), io.StringIO()
    writer = create_writer("text", stream)
    appending = create_writer("text", file, appending=True)
    for event in STORY:
        writer.write(event)
        appending.write(event)
        assert not isinstance(event, Final) or file.getvalue().endswith(event.display)
    writer.close()
    appending.close()
    assert file.getvalue() == stream.getvalue()


def test_without_marks_a_line_waits_for_nothing():
    stream = io.StringIO()
    writer = create_writer("text", stream, marks=False)
    writer.write(final("hello"))
    assert stream.getvalue() == "hello\n"


def test_a_final_without_words_is_not_written():
    stream = io.StringIO()
    create_writer("text", stream).write(final(""))
    assert stream.getvalue() == ""


def test_timestamps_precede_the_line():
    stream = io.StringIO()
    writer = create_writer("text", stream, timestamps=True)
    writer.write(final("hello", start=3661.5, end=3662.25))
    writer.close()
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
    assert shown() == ["ice cream mo"]
    writer.write(final("more", join=". "))
    assert shown() == ["ice cream.", "more"]
    writer.close()
    writer.close()
    assert shown() == ["ice cream.", "more"]
    assert screen.cursor.x == 0


def test_on_a_dumb_terminal_nothing_is_overwritten(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    writer = create_writer("text", stream, partials=True)
    writer.write(partial("hel"))
    writer.write(final("hello"))
    writer.close()
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


def test_the_end_of_a_line_of_wide_characters_fits_too():
    # Each takes two columns: no half of one is shown.
    assert last_columns("日本語", 6) == "日本語"
    assert last_columns("日本語の文章", 8) == f"{CUT_MARK}文章"
    assert last_columns("日本語の文章", 9) == f"{CUT_MARK}の文章"


def test_a_partial_that_nothing_follows_keeps_its_line(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    writer = create_writer("text", stream, partials=True)
    writer.write(partial("half a"))
    writer.close()
    assert stream.getvalue().endswith("half a\n")
    writer.close()
    assert stream.getvalue().count("\n") == 1


def test_nothing_is_written_where_there_is_nothing():
    class Refusing(io.StringIO):
        def write(self, text):
            raise AssertionError(text)

        flush = write

    write_now(Refusing(), "")
