"""Events of pieces become those of the whole recording, and survive between two runs."""

from __future__ import annotations

import dataclasses
import math

from streamer.archive.joining import Joiner
from streamer.archive.stored_events import decode_events, encode_events
from streamer.events import Close, Final, Gap, Notice, Partial, Stats, Word, written_text
from tests.support.events import stats

RATE_HZ = 16000


def final(text: str, segment: int, start: float, join: str = "") -> Final:
    words = tuple(Word(w, start + n, start + n + 0.5, 0.9) for n, w in enumerate(text.split()))
    end = words[-1].end
    return Final(segment, 0, start, end, text, text, words, join=join)


FIRST = [
    Partial(0, 0, 0.0, 1.0, "one", ""),
    final("one two", 0, 1.0),
    final("three", 1, 5.0, ", "),
    Close(1, 3, 7.0, "."),
    stats(time=9.0, chunks=3),
]
SECOND = [
    Gap(0, 0.0, 0.5, 8000),
    Notice(1, 0.5, "soft", "come closer"),
    final("four", 0, 1.0),
    final("five", 1, 3.0, " "),
    stats(time=10.0, chunks=4),
]


def joined(*pieces: tuple[float, list]) -> list:
    joiner = Joiner()
    events = []
    for begin_s, piece in pieces:
        events += joiner.join(round(begin_s * RATE_HZ), piece)
    return events + joiner.finish()


def test_one_piece_stays_as_it_is_but_for_its_numbers() -> None:
    events = joined((0.0, FIRST))
    assert [dataclasses.replace(e, seq=0) for e in events] == [
        dataclasses.replace(e, seq=0) for e in FIRST
    ]


def test_times_segments_and_numbers_go_on() -> None:
    events = joined((0.0, FIRST), (9.0, SECOND))
    assert [event.seq for event in events] == list(range(len(events)))
    finals = [event for event in events if isinstance(event, Final)]
    assert [each.segment for each in finals] == [0, 1, 2, 3]
    assert [each.start for each in finals] == [1.0, 5.0, 10.0, 12.0]
    assert [word.start for each in finals for word in each.words] == [1.0, 2.0, 5.0, 10.0, 12.0]
    gap = next(event for event in events if isinstance(event, Gap))
    assert (gap.start, gap.end) == (9.0, 9.5)


def test_there_are_stats_only_at_the_end_for_all_pieces() -> None:
    *others, last = joined((0.0, FIRST), (9.0, SECOND))
    assert not any(isinstance(event, Stats) for event in others)
    assert isinstance(last, Stats)
    assert (last.time, last.chunks) == (19.0, 7)


def test_a_piece_begins_after_a_space_and_after_a_long_silence_with_a_paragraph() -> None:
    assert written_text(joined((0.0, FIRST), (6.5, SECOND))) == "one two, three. four five"
    assert written_text(joined((0.0, FIRST), (7.5, SECOND))) == "one two, three.\n\nfour five"


def test_a_piece_without_words_leaves_no_space() -> None:
    silent = [stats(time=9.0)]
    assert written_text(joined((0.0, silent), (9.0, SECOND))) == "four five"


def test_stored_events_read_back_equal() -> None:
    events = [*FIRST, *SECOND, stats(level_dbfs=-math.inf)]
    assert decode_events(encode_events(events)) == events
    assert decode_events(encode_events([])) == []


def test_stored_events_that_are_not_whole_are_none() -> None:
    data = encode_events(FIRST)
    lines = data.splitlines(keepends=True)
    for bad in (
        b"",
        data[:100],
        b"".join(lines[:-1]),
        b"".join(lines[1:]),
        b"\xff",
        b'["X", {}]\n1\n',
    ):
        assert decode_events(bad) is None
