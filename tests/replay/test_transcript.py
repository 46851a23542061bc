"""Words of a transcript with their times."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from streamer.errors import UsageError
from streamer.events import Close, Event
from streamer.output.jsonl import as_json
from streamer.replay.transcript import TimedWord, read_transcript, timed_words, word_at
from tests.support.events import final, partial, stats

EVENTS: list[Event] = [
    partial("it"),
    final("it was twenty four", 0, 0.0, 4.0, display="It was 24"),
    stats(),
    final("yes", 1, 5.0, 6.0, display="Yes", join=". "),
    Close(1, 9, 7.5, "!"),
    final("new", 2, 9.0, 10.0, display="New", join="\n\n"),
]
WORDS = [
    TimedWord("It", 0.0, 1.0),
    TimedWord("was", 1.0, 2.0),
    TimedWord("24.", 2.0, 4.0),
    TimedWord("Yes!", 5.0, 6.0),
    TimedWord("New", 9.0, 10.0, breaks=True),
]


def test_displayed_words_have_the_times_of_the_spoken_ones_and_their_marks() -> None:
    assert timed_words(as_json(event) for event in EVENTS) == WORDS


def test_the_word_at_a_time_is_the_last_that_has_begun() -> None:
    assert [word_at(WORDS, t) for t in (0.0, 1.5, 4.5, 5.0, 99.0)] == [0, 1, 2, 3, 4]
    assert word_at(WORDS[3:], 1.0) is None


def test_a_file_without_words_says_how_to_make_one(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    for content in (
        "",
        "no json",
        json.dumps(as_json(stats())),
        '{"type": "final"}',
        "[1]",
        "[" * 100_000,
    ):
        path.write_text(content)
        with pytest.raises(UsageError, match="no words with times"):
            read_transcript(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_transcript(tmp_path / "missing.jsonl")
    path.write_text("\n".join(json.dumps(as_json(event)) for event in EVENTS))
    assert read_transcript(path) == WORDS


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_and_a_device_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(UsageError, match="not a regular file"):
            read_transcript(path)
