"""Subtitles, checked with independent parsers."""

from __future__ import annotations

import datetime
import io
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.events import Close, Final, Word
from streamer.output import create_writer
from streamer.output.subtitles.cues import CueMaker
from streamer.output.subtitles.layout import MAX_LINE_CHARACTERS, MAX_SECONDS
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
    wanted = ""
    for event in events:
        wanted += (event.mark if wanted.strip() else "") + event.display
    wanted = " ".join(wanted.split())  # some control characters are spaces, others escaped
    wanted = escape(wanted) if format == "vtt" else srt_escape(wanted)
    assert "".join(told.split()) == "".join(wanted.split())


@settings(max_examples=50, deadline=None)
@given(events=st.lists(spoken | finals, max_size=4))
def test_no_line_is_longer_than_42_characters(events):
    maker = CueMaker()
    cues = [cue for event in events for cue in maker.feed(replace(event, join=", "))]
    for cue in cues + maker.feed(Close(0, 0, 2000.0, ".")):
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


def cues(*events) -> list[tuple[float, float, str]]:
    return [(a / 1000, b / 1000, text) for a, b, text in parse_srt(written("srt", *events))]


def test_a_cue_has_the_mark_that_comes_later():
    story = (
        final("We went home", start=0.0, end=2.0),
        final("and they stayed", start=3.5, end=5.0, join=", "),
        Close(1, 2, 6.5, "."),
    )
    assert [text for _, _, text in cues(*story)] == ["We went home,", "and they stayed."]


def test_breaks_are_at_sentences_and_clauses():
    text = "We went home before it was dark. They stayed where they were, and nobody came to look."
    event = final(text, end=10.0, join="")
    assert [text for _, _, text in cues(event)] == [
        "We went home before it was dark.",
        "They stayed where they were,\nand nobody came to look.",
    ]


def test_no_word_is_left_alone():
    event = final("one two three four five six seven eight nine ten eleven twelve it", end=7.4)
    assert all(len(text.split()) > 2 for _, _, text in cues(event))


def test_a_short_cue_stays_for_a_second_and_a_long_one_until_it_is_read():
    yes = final("Yes", start=1.0, end=1.3), Close(0, 1, 3.0, ".")
    assert cues(*yes) == [(1.0, 2.0, "Yes.")]
    fast = final("thirty four characters are too fast", start=1.0, end=2.0), Close(0, 1, 4.0, "")
    ((start, end, text),) = cues(*fast)
    assert len(text) / (end - start) <= 17.01


def test_a_number_has_the_times_of_its_words():
    words = [
        Word("in", 0.0, 0.3, 1), Word("nineteen", 0.3, 0.8, 1), Word("eighty", 0.8, 1.1, 1),
        Word("two", 1.1, 1.4, 1), Word("he", 3.0, 3.2, 1), Word("left", 3.2, 4.5, 1),
    ]  # fmt: skip
    event = replace(timed_final(words), display="In 1982 he left")
    assert cues(event) == [(0.0, 1.4, "In 1982"), (3.0, 4.5, "he left")]
