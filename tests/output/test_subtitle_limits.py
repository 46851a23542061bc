"""The limits of subtitles, on speech with plausible words, pauses and marks."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.events import Close, Event, Final, Word
from streamer.output.subtitles.cues import Cue, CueMaker
from streamer.output.subtitles.layout import (
    CHARACTERS_PER_SECOND,
    MAX_LINE_CHARACTERS,
    MAX_LINES,
    MAX_SECONDS,
    MIN_SECONDS,
    PAUSE_SECONDS,
)

WORDS = (
    "the a we they river house because and but home went saw somebody yesterday of in to was it "
    "nevertheless understanding children light morning asked for bread who came back again i"
).split()
seeds = st.integers(0, 2**32 - 1)


def speech(seed: int) -> list[Event]:
    """Return finals and closes of a talk of about a minute."""
    random = Random(seed)
    events: list[Event] = []
    now = random.uniform(0, 3)
    begins = True
    join = ""
    for segment in range(random.randint(1, 8)):
        words: list[Word] = []
        shown: list[str] = []
        for _ in range(random.randint(1, 30)):
            word = random.choice(WORDS)
            end = now + 0.06 * len(word) + random.uniform(0.05, 0.3)
            words.append(Word(word, now, end, 1.0))
            mark = random.choice(["", "", "", "", "", "", "", ",", "."])
            shown.append((word.capitalize() if begins else word) + mark)
            begins = mark == "."
            now = end + random.choice([0.0, 0.0, 0.05, 0.1, 0.4])
        display = " ".join(shown).rstrip(",.")
        text = " ".join(word.word for word in words)
        end = now + 0.5
        events.append(
            Final(segment, len(events), words[0].start, end, text, text, tuple(words),
                  display=display, join=join)
        )  # fmt: skip
        now = end + random.choice([0.0, 0.3, 4.0])
        join = random.choice([" ", ", ", ". "])
        if now - end > 1.5:
            events.append(Close(segment, len(events), end + 1.0, "."))
            join = " "
        begins = join != ", " and join != " "
    return events


def cues_of(events: Sequence[Event]) -> list[Cue]:
    maker = CueMaker()
    return [cue for event in events for cue in maker.feed(event)] + maker.finish()


@settings(max_examples=300, deadline=None)
@given(seeds)
def test_lines_and_times_are_within_their_limits(seed: int) -> None:
    for cue in cues_of(speech(seed)):
        assert 1 <= len(cue.lines) <= MAX_LINES
        assert all(0 < len(line) <= MAX_LINE_CHARACTERS for line in cue.lines)
        assert cue.end_ms - cue.start_ms <= MAX_SECONDS * 1000


@settings(max_examples=300, deadline=None)
@given(seeds)
def test_a_cue_stays_until_it_is_read_unless_the_next_one_comes(seed: int) -> None:
    events = speech(seed)
    cues = cues_of(events)
    limits = [round(1000 * e.time) for e in events if isinstance(e, Close)]
    limits += [round(1000 * e.end) for e in events if isinstance(e, Final)]
    for cue, following in zip(cues, [*cues[1:], None]):
        seconds = (cue.end_ms - cue.start_ms) / 1000
        characters = len(" ".join(cue.lines))
        enough = max(MIN_SECONDS, characters / CHARACTERS_PER_SECOND) - 0.002
        followed = following is not None and following.start_ms == cue.end_ms
        assert seconds >= enough or followed or cue.end_ms in limits or seconds >= MAX_SECONDS


@settings(max_examples=300, deadline=None)
@given(seeds)
def test_nobody_is_left_alone(seed: int) -> None:
    events = speech(seed)
    words = [word for event in events if isinstance(event, Final) for word in event.words]
    cues = cues_of(events)
    place = 0
    for n, cue in enumerate(cues):
        shown = [word for line in cue.lines for word in line.split()]
        first, last = words[place], words[place + len(shown) - 1]
        before = words[place - 1] if place else None
        place += len(shown)
        after = words[place] if place < len(words) else None
        if len(cue.lines) == MAX_LINES and len(shown) > 3:
            one_each = [" " not in line for line in cue.lines]
            assert not any(one_each) or cue.lines[0][-1] in ".?!"  # a sentence of one word
        if len(shown) > 1:
            continue
        # A word alone is a sentence, or has a pause on a side, or was said too slowly to be joined.
        apart = before is None or first.start - before.end >= PAUSE_SECONDS
        apart = apart or after is None or after.start - last.end >= PAUSE_SECONDS
        ends = [each.lines[-1][-1:] in ".?!" for each in cues[max(n - 1, 0) : n + 1]]
        assert apart or all(ends), (n, shown)
    assert place == len(words)
