"""JSON lines, checked against their schema."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamer.output
from streamer.events import Word
from streamer.output import Edit, create_writer
from tests.support.events import any_event, final, partial, stats

jsonschema = pytest.importorskip("jsonschema")
SCHEMA = json.loads(
    (Path(streamer.output.__file__).parent / "events.schema.json").read_text(encoding="utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
any_item = any_event | st.builds(Edit, st.integers(0), st.integers(0), st.text())


def written(*items, **options) -> str:
    stream = io.StringIO()
    writer = create_writer("jsonl", stream, **options)
    for item in items:
        writer.write(item)
    writer.close()
    return stream.getvalue()


def test_the_schema_is_valid():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@settings(max_examples=100, deadline=None)
@given(st.lists(any_item, max_size=5))
def test_every_event_is_one_line_of_ascii_that_the_schema_accepts(items):
    lines = written(*items).splitlines()  # which also breaks at exotic line ends
    assert len(lines) == len(items)
    for line in lines:
        assert line.isascii()
        VALIDATOR.validate(json.loads(line, parse_constant=pytest.fail))


@pytest.mark.parametrize(
    "spoil",
    [
        {"type": "other"}, {"segment": -1}, {"text": None}, {"words": [{"word": "a"}]},
        {"latency_ms": "fast"}, {"surprise": 1}, {"alternatives": [1]}, {"start": -0.5},
    ],
)  # fmt: skip
def test_the_schema_rejects_invalid_events(spoil):
    line = json.loads(written(final("hello")))
    VALIDATOR.validate(line)
    assert not VALIDATOR.is_valid({**line, **spoil})


def test_a_final_has_its_words_with_their_times():
    event = final(
        "naïve",
        segment=3,
        words=(Word("naïve", 0.25, 0.5, 0.98765),),
        alternatives=("knave",),
        latency_ms=123.456,
    )
    assert json.loads(written(event)) == {
        "type": "final", "segment": 3, "seq": 3, "start": 0.0, "end": 1.0, "text": "naïve",
        "stable": "naïve", "alternatives": ["knave"], "latency_ms": 123.5,
        "words": [{"word": "naïve", "start": 0.25, "end": 0.5, "confidence": 0.9877}],
        "display": "naïve", "join": "", "version": 2,
    }  # fmt: skip


def test_the_level_of_silence_is_null():
    line = json.loads(written(stats()))
    assert line["level_dbfs"] is None
    assert line["latency_p50_ms"] is None


def test_partials_are_written_unless_disabled():
    assert json.loads(written(partial("hel", "he")))["stable"] == "he"
    assert written(partial("hel"), partials=False) == ""


def test_edits_applied_in_order_give_the_text():
    text = ""
    for line in written(Edit(0, 0, "Hello world."), Edit(1, 6, "you.")).splitlines():
        edit = json.loads(line)
        text = text[: len(text) - edit["delete"]] + edit["insert"]
    assert text == "Hello you."
