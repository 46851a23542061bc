"""Marks, joins and closes come out the same in text, JSON, subtitles, typing and live view."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.dictation import PlainEdits
from streamer.events import Event, Final, Partial, written_text
from streamer.output import Edit, create_writer
from streamer.terminal.view_model import ViewModel
from streamer.terminal.view_state import ViewState, transcript
from streamer.text.options import WritingOptions
from tests.support.terminal.terminal_driver import INFO
from tests.text.test_agreement import SPOKEN, events_of
from tests.text.test_written import MODELS

STREAMS = st.builds(
    events_of,
    st.lists(SPOKEN, min_size=1, max_size=4),
    st.integers(0, 2**32 - 1),
    st.builds(WritingOptions, st.booleans(), st.booleans()),
    st.sampled_from(MODELS),
)


def words_of(text: str) -> list[str]:
    return text.split()


def written(format: str, events: list[Event], **options: Any) -> str:
    stream = io.StringIO()
    writer = create_writer(format, stream, **options)
    for event in events:
        writer.write(event)
    writer.close()
    return stream.getvalue()


@settings(max_examples=150, deadline=None)
@given(STREAMS, st.booleans())
def test_text_has_the_words_and_marks_of_the_stream(events: list[Event], appending: bool) -> None:
    text = written("text", events, appending=appending)
    assert words_of(text) == words_of(written_text(events))
    # A paragraph begins where the stream says so, and nowhere else.
    breaks = sum("\n\n" in event.join for event in events if isinstance(event, Final))
    assert text.count("\n\n") == breaks


@settings(max_examples=150, deadline=None)
@given(STREAMS)
def test_json_lines_put_together_are_the_text(events: list[Event]) -> None:
    lines = [json.loads(line) for line in written("jsonl", events).splitlines()]
    parts = [
        line.get("join", "") + line["display"]
        for line in lines
        if line["type"] in ("final", "close")
    ]
    assert "".join(parts) == written_text(events)


@settings(max_examples=150, deadline=None)
@given(STREAMS)
def test_what_is_typed_is_the_text_in_one_line(events: list[Event]) -> None:
    typed = ""
    edits = PlainEdits()
    for event in events:
        for item in edits.rewrite(event):
            if isinstance(item, Edit):
                assert item.delete == 0
                typed = item.apply(typed)
    assert typed == " ".join(words_of(written_text(events)))


@settings(max_examples=150, deadline=None)
@given(STREAMS, st.sampled_from(["srt", "vtt"]))
def test_subtitles_have_the_words_and_marks_of_the_stream(events: list[Event], format: str) -> None:
    pytest.importorskip("srt")
    lines = written(format, events).splitlines()
    shown = [
        line for line in lines if line and "-->" not in line and line != "WEBVTT"
        and not (format == "srt" and line.isdigit() and lines[lines.index(line) - 1] == "")
    ]  # fmt: skip
    told = words_of(" ".join(shown))
    # Numbers of cues look like numbers in the text: only letters are compared.
    wanted = [word for word in words_of(written_text(events)) if not word.isdigit()]
    assert [word for word in told if not word.isdigit()] == wanted


@settings(max_examples=150, deadline=None)
@given(STREAMS)
def test_the_live_view_keeps_the_text(events: list[Event]) -> None:
    model = ViewModel(ViewState(INFO))
    for event in events:
        model.receive(event)
    assert words_of(transcript(model.state)) == words_of(written_text(events))


def test_only_partials_are_left_out_of_the_text() -> None:
    events = events_of([["we", "went"]], 1, WritingOptions(), MODELS[0])
    assert any(isinstance(event, Partial) for event in events)
    assert written("text", events) == "We went.\n"
