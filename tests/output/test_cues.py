"""Subtitles, checked with independent parsers."""

from __future__ import annotations

import datetime
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.events import Final, Word
from streamer.output import create_writer
from streamer.output.subtitles.cues import MAX_LINE_CHARACTERS, MAX_SECONDS, CueMaker
from streamer.output.subtitles.srt import escape as srt_escape
from streamer.output.subtitles.vtt import escape
from tests.support.events import final, finals, partial, stats, timed_final

srt = pytest.importorskip("srt")
webvtt = pytest.importorskip("webvtt")

#: start and end in milliseconds, text
Parsed = list[tuple[int, int, str]]


def written(format: str, *events) -> str:
    stream = io.StringIO()
    writer = create_writer(format, stream)
    for event in events:
        writer.write(event)
    writer.close()
    return stream.getvalue()


def parse_srt(content: str) -> Parsed:
    ms = datetime.timedelta(milliseconds=1)
    cues = list(srt.parse(content))
    assert [cue.index for cue in cues] == list(range(1, len(cues) + 1))
    return [(round(cue.start / ms), round(cue.end / ms), cue.content) for cue in cues]


def parse_vtt(content: str) -> Parsed:
    def ms(time) -> int:
        return ((time.hours * 60 + time.minutes) * 60 + time.seconds) * 1000 + time.milliseconds

    return [
        (ms(cue.start_time), ms(cue.end_time), cue.raw_text)
        for cue in webvtt.from_buffer(io.StringIO(content))
    ]


PARSERS = {"srt": parse_srt, "vtt": parse_vtt}
#: Plausible words with implausible times.
spoken = st.lists(
    st.builds(
        Word,
        st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz'<&>-"), min_size=1, max_size=60),
        st.floats(-10, 1000),
        st.floats(-10, 1000),
        st.just(1.0),
    ),
    max_size=30,
).map(timed_final)


@pytest.mark.parametrize("format", ["srt", "vtt"])
@settings(max_examples=50, deadline=None)
@given(events=st.lists(spoken | finals, max_size=4))
def test_cues_are_in_order_never_overlap_and_lose_no_word(format, events):
    cues = PARSERS[format](written(format, *events))
    end = 0
    for start, stop, text in cues:
        assert end <= start < stop
        assert stop - start <= MAX_SECONDS * 1000
        assert 1 <= len(text.split("\n")) <= 2
        end = stop
    told = "".join(text for _, _, text in cues)
    wanted = "".join(event.text for event in events)
    wanted = escape(wanted) if format == "vtt" else srt_escape(wanted)
    assert "".join(told.split()) == "".join(wanted.split())


@settings(max_examples=50, deadline=None)
@given(events=st.lists(spoken | finals, max_size=4))
def test_no_line_is_longer_than_42_characters(events):
    maker = CueMaker()
    for event in events:
        for cue in maker.cues(event):
            assert len(cue.lines) <= 2
            assert max(map(len, cue.lines)) <= MAX_LINE_CHARACTERS


def test_a_cue_begins_and_ends_with_its_words():
    words = (Word("one", 10.0, 10.5, 1), Word("two", 10.5, 11.75, 1), Word("three", 14.0, 15.5, 1))
    content = written("srt", timed_final(words))
    assert content == (
        "1\n00:00:10,000 --> 00:00:11,750\none two\n\n2\n00:00:14,000 --> 00:00:15,500\nthree\n\n"
    )
    assert parse_srt(content) == [(10000, 11750, "one two"), (14000, 15500, "three")]


def test_a_long_sentence_is_split_by_length_and_by_time():
    slow = final(" ".join(["word"] * 10), end=20.0)
    assert all(stop - start <= 7000 for start, stop, _ in parse_srt(written("srt", slow)))
    fast = final(" ".join(["sentence"] * 30), end=6.0)
    assert len(parse_srt(written("srt", fast))) > 3


def test_two_lines_are_balanced():
    event = final("the quick brown fox jumps over the lazy dog and on", end=3.0)
    ((_, _, text),) = parse_vtt(written("vtt", event))
    first, second = text.split("\n")
    assert abs(len(first) - len(second)) <= 8


def test_text_changed_by_dictation_keeps_the_times_of_its_utterance():
    words = (Word("hello", 5.0, 5.5, 1), Word("comma", 5.5, 6.0, 1), Word("bob", 6.0, 6.5, 1))
    event = Final(0, 0, 4.5, 7.0, "Hello, bob", "Hello, bob", words)
    ((start, end, text),) = parse_srt(written("srt", event))
    assert (start, text) == (5000, "Hello, bob")
    assert 6000 <= end <= 7000


def test_an_empty_transcript_is_a_valid_file():
    assert written("srt", partial("no"), stats(), final("")) == ""
    assert written("vtt", partial("no"), stats(), final("")) == "WEBVTT\n\n"
    assert parse_vtt("WEBVTT\n\n") == []


def test_markup_characters_are_escaped():
    content = written("vtt", final("a <b> & c --> d"))
    ((_, _, text),) = parse_vtt(content)
    assert text == "a &lt;b&gt; &amp; c --&gt; d"
    ((_, _, text),) = parse_srt(written("srt", final("a --> b")))
    assert text == "a -> b"
