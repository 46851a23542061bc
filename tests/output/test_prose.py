"""Continuous text: appended, and deleted where possible."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.output import Edit, create_writer
from streamer.printable import UNPRINTABLE
from tests.support.events import final


class Pipe(io.StringIO):
    def seekable(self) -> bool:
        return False


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def edits(text: str, pieces) -> list[Edit]:
    """Return edits that can be applied in order."""
    made = []
    for delete, insert in pieces:
        edit = Edit(0, min(delete, len(text)), insert)
        text = edit.apply(text)
        made.append(edit)
    return made


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 6),
            st.text(
                st.characters(blacklist_categories=["Cs"], blacklist_characters="\r"), max_size=8
            ),
        )
    )
)
def test_a_file_always_contains_the_text_that_the_edits_give(tmp_path_factory, pieces):
    path = tmp_path_factory.mktemp("prose") / "text.txt"
    text = ""
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        writer = create_writer("text", stream, flowing=True)
        for edit in edits("", pieces):
            writer.write(edit)
            text = edit.apply(text)
            # What controls terminals is replaced.
            shown = UNPRINTABLE.sub(lambda c: c[0] if c[0] == "\n" else "\ufffd", text)
            assert path.read_bytes() == shown.encode()
        writer.close()
    shown = UNPRINTABLE.sub(lambda c: c[0] if c[0] == "\n" else "\ufffd", text)
    assert path.read_bytes() == (shown + "\n" if text and text[-1] != "\n" else shown).encode()


def test_earlier_content_of_a_file_is_never_deleted(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("before\n")
    with path.open("a", encoding="utf-8") as stream:
        writer = create_writer("text", stream, flowing=True)
        writer.write(Edit(0, 0, "höher"))
        writer.write(Edit(1, 4, "all"))
        writer.write(Edit(2, 100, ""))  # more than was written: not from here
    assert path.read_text(encoding="utf-8") == "before\nhall"


def test_text_in_a_pipe_stays_with_one_warning():
    told: list[str] = []
    stream = Pipe()
    writer = create_writer("text", stream, flowing=True, warn=told.append)
    for edit in (Edit(0, 0, "one two"), Edit(1, 4, " three"), Edit(2, 2, ""), Edit(3, 0, ".")):
        writer.write(edit)
    assert stream.getvalue() == "one two three."
    assert len(told) == 1


def test_on_a_terminal_text_is_deleted_within_its_line(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    pyte = pytest.importorskip("pyte")
    told: list[str] = []
    stream = Terminal()
    writer = create_writer("text", stream, flowing=True, warn=told.append)
    for edit in (Edit(0, 0, "One.\nTwo 漢字"), Edit(1, 3, " words")):
        writer.write(edit)
    assert not told
    writer.write(Edit(2, 10, ""))  # over the line break: cannot be done
    assert len(told) == 1
    screen = pyte.Screen(80, 5)
    pyte.Stream(screen).feed(stream.getvalue().replace("\n", "\r\n"))
    assert [line.rstrip() for line in screen.display[:2]] == ["One.", "Two words"]


def test_timestamps_and_partials_keep_one_line_per_final():
    stream = io.StringIO()
    writer = create_writer("text", stream, flowing=True, timestamps=True)
    writer.write(final("hello"))
    writer.write(Edit(0, 0, "hello"))
    writer.close()
    assert stream.getvalue() == "[00:00:00.000 --> 00:00:01.000] hello\n"
