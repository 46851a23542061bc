"""Words of an engine without times get ours."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamer.finals.word_times import word_times
from streamer.finals.writing import spoken_words
from tests.support.events import final

OURS = final("he found the see today", start=1.0, end=2.0).words
words = st.lists(st.sampled_from("he found the sea see today it is".split()), max_size=8)


def test_words_that_both_heard_keep_their_times_and_confidence() -> None:
    timed = word_times("he found a sea today".split(), OURS, 1.0, 2.0)
    assert [timed[0], timed[1], timed[4]] == [OURS[0], OURS[1], OURS[4]]
    assert (timed[3].start, timed[3].end) == (OURS[3].start, OURS[3].end)
    assert timed[3].confidence == 0.5


def test_more_words_share_the_time_of_those_they_replace() -> None:
    timed = word_times("he found it in there today".split(), OURS, 1.0, 2.0, confidence=0.8)
    assert timed[2].start == OURS[2].start and timed[4].end == OURS[3].end
    assert {word.confidence for word in timed[2:5]} == {0.8}


@given(said=words, ours=words)
def test_times_are_in_order_and_within_the_utterance(said: list[str], ours: list[str]) -> None:
    known = final(" ".join(ours), start=1.0, end=2.0).words
    timed = word_times(said, known, 1.0, 2.0)
    assert [word.word for word in timed] == said
    times = [time for word in timed for time in (word.start, word.end)]
    assert all(a <= b + 1e-9 for a, b in zip(times, times[1:])) and all(
        0.999 <= time <= 2.001 for time in times
    )


def test_spoken_words_have_no_marks_and_capitals() -> None:
    assert spoken_words("“Don’t,” said MacDonald—“it's well-known... $5, 10%!”") == [
        "don't", "said", "macdonald", "it's", "well", "known", "$5", "10%",
    ]  # fmt: skip
