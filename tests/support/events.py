"""Events for tests: simple ones, and strategies for arbitrary ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from streamer.events import Close, Event, Final, Gap, Notice, Partial, Stats, Word


def final(text: str, segment: int = 0, start: float = 0.0, end: float = 1.0, **more: Any) -> Final:
    """Return a final whose words are spread evenly over its time."""
    spoken = text.split()
    step = (end - start) / max(len(spoken), 1)
    words = tuple(
        Word(word, start + i * step, start + (i + 1) * step, 0.9) for i, word in enumerate(spoken)
    )
    more.setdefault("words", words)
    return Final(segment, segment, start, end, text, text, **more)


def spoken(text: str, segment: int = 0, start: float = 0.0, **more: Any) -> Final:
    """Return a final with a pause of 0.6 s at each ``|``."""
    words = []
    now = start
    for word in text.split():
        if word == "|":
            now += 0.6
        else:
            words.append(Word(word, now, now + 0.3, 0.9))
            now += 0.3
    said = " ".join(word.word for word in words)
    return Final(segment, segment, start, now, said, said, tuple(words), **more)


def partial(text: str, stable: str = "", segment: int = 0) -> Partial:
    return Partial(segment, 0, 0.0, 1.0, text, stable)


def stats(**more: Any) -> Stats:
    numbers = {
        "seq": 0, "time": 1.0, "real_time_factor": 0.1, "latency_p50_ms": None,
        "latency_p95_ms": None, "lost_samples": 0, "level_dbfs": float("-inf"),
        "peak_dbfs": float("-inf"), "clipped": False, "speaking": False,
    }  # fmt: skip
    return Stats(**{**numbers, **more})


_counts = st.integers(0, 10**6)
_times = st.floats(0, 1e5)
_latencies = st.none() | st.floats(0, 1e6)
_words = st.builds(Word, st.text(max_size=60), _times, _times, st.floats(0, 1))
_hypothesis = dict(
    segment=_counts, seq=_counts, start=_times, end=_times, text=st.text(max_size=300),
    stable=st.text(max_size=20), words=st.lists(_words, max_size=5).map(tuple),
    alternatives=st.lists(st.text(max_size=10), max_size=3).map(tuple), latency_ms=_latencies,
)  # fmt: skip
_displays = st.text(max_size=300)
finals = st.builds(Final, **_hypothesis, display=_displays, join=st.text(max_size=4))
partials = st.builds(Partial, **_hypothesis, display=_displays, display_stable=_displays)
any_event: st.SearchStrategy[Event] = st.one_of(
    finals,
    partials,
    st.builds(Close, _counts, _counts, _times, st.text(max_size=4)),
    st.builds(Gap, _counts, _times, _times, _counts),
    st.builds(Notice, _counts, _times, st.text(), st.text()),
    st.builds(
        Stats, _counts, _times, st.floats(0), _latencies, _latencies, _counts, st.floats(),
        st.floats(), st.booleans(), st.booleans(), _counts, _latencies, _latencies,
    ),
)  # fmt: skip


def timed_final(words: Sequence[Word], text: str = "") -> Final:
    spoken = text or " ".join(word.word for word in words)
    begin = min((word.start for word in words), default=0.0)
    end = max((word.end for word in words), default=0.0)
    return Final(0, 0, begin, end, spoken, spoken, tuple(words))
