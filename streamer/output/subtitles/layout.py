"""How text is divided into subtitles and lines: at sentences and clauses, without orphans."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

#: Limits for readable subtitles, as in the common broadcasters' guides.
MAX_LINE_CHARACTERS = 42
MAX_LINES = 2
MAX_SECONDS = 7.0
MIN_SECONDS = 1.0
CHARACTERS_PER_SECOND = 17.0
#: A subtitle ends before a pause this long, so that it does not stay up in the silence.
PAUSE_SECONDS = 1.0
#: A pause this long is a place to break.
BREATH_SECONDS = 0.3

_ENDS = (".", "?", "!")
_CLAUSES = (",", ";", ":")
#: Words that begin a clause or a phrase: a good place to break before.
_OPENERS = frozenset(
    "and but or so because when while where who which that if then as after before until with "
    "without for from in on at by to of into over under about".split()
)
#: Words that belong to the next one: a bad place to break after.
_CLINGING = frozenset(
    "a an the my your his her its our their this these those of to in on at by for from with and "
    "but or i he she it we they is are was were not mister missus doctor".split()
)


#: Penalties of one word, and of two, that are no sentence by themselves. Worse than any other
#: break but one: a word alone is shown only where nothing else fits.
_ORPHAN = 6.0
_PAIR = 0.75


class TimedWord(NamedTuple):
    """A word as it is displayed, with its times in seconds."""

    text: str
    start: float
    end: float


def divide(
    words: Sequence[TimedWord], open_end: bool, before: TimedWord | None = None
) -> list[list[TimedWord]]:
    """Divide words into subtitles.

    The division with the smallest sum of penalties is found by dynamic programming.

    Args:
        words: in order, none longer than a line.
        open_end: a mark may still be added to the last word.
        before: the word before them, which is in another subtitle already.
    """
    n = len(words)
    # Sums of penalties up to each word, and where the last subtitle before it begins.
    best = [0.0] + [float("inf")] * n
    begins = [0] * (n + 1)
    for end in range(1, n + 1):
        for begin in range(end - 1, -1, -1):
            group = words[begin:end]
            if len(group) > 1 and not _fits(group, open_end and end == n):
                break
            preceding = words[begin - 1] if begin else before
            following = words[end] if end < n else None
            cost = best[begin] + _penalty(group, preceding, following)
            if cost < best[end]:
                best[end], begins[end] = cost, begin
    groups: list[list[TimedWord]] = []
    end = n
    while end:
        groups.append(list(words[begins[end] : end]))
        end = begins[end]
    return groups[::-1]


def lines(texts: Sequence[str]) -> tuple[str, ...]:
    """Divide the words of a subtitle into one line, or two at the best place."""
    whole = " ".join(texts)
    if len(whole) <= MAX_LINE_CHARACTERS:
        return (whole,)
    options = []
    for place in range(1, len(texts)):
        first, second = " ".join(texts[:place]), " ".join(texts[place:])
        if max(len(first), len(second)) > MAX_LINE_CHARACTERS:
            continue
        uneven = abs(len(first) - len(second)) / MAX_LINE_CHARACTERS
        orphan = 0.5 * (place == 1) + 0.5 * (place == len(texts) - 1)
        cost = uneven + orphan + 0.5 * _break_penalty(texts[place - 1], texts[place], 0.0)
        options.append((cost, (first, second)))
    return min(options)[1] if options else (whole,)


def _fits(group: Sequence[TimedWord], reserve: bool) -> bool:
    """Whether words may share a subtitle; `reserve`: with room for a mark at the end."""
    if group[-1].end - group[0].start > MAX_SECONDS:
        return False
    # The words behind the first were already judged together.
    if group[1].start - group[0].end >= PAUSE_SECONDS:
        return False
    lengths = tuple(len(word.text) for word in group)
    return _two_lines((*lengths[:-1], lengths[-1] + reserve))


@lru_cache(maxsize=4096)
def _two_lines(lengths: tuple[int, ...]) -> bool:
    """Whether words of these lengths fit into the lines of a subtitle."""
    rows, used = 1, -1
    for length in lengths:
        if used + 1 + length > MAX_LINE_CHARACTERS:
            rows, used = rows + 1, -1
        used += 1 + length
    return rows <= MAX_LINES


def _penalty(
    group: Sequence[TimedWord], preceding: TimedWord | None, following: TimedWord | None
) -> float:
    """How far a subtitle is from a good one.

    Args:
        group: its words.
        preceding: the word before it.
        following: the word behind it.
    """
    cost = 1.0
    last = group[-1]
    if following is not None:
        pause = following.start - last.end
        cost += _break_penalty(last.text, following.text, pause)
        shown = following.start - group[0].start
        if shown < MIN_SECONDS:
            cost += 2.0
        if shown < sum(len(word.text) + 1 for word in group) / CHARACTERS_PER_SECOND:
            cost += 0.2
    begins = preceding is None or preceding.text.endswith(_ENDS)
    if len(group) <= 2 and not (begins and last.text.endswith(_ENDS)):
        cost += _ORPHAN if len(group) == 1 else _PAIR
    inner = sum(word.text.endswith(_ENDS) for word in group[:-1])
    return cost + 0.6 * inner


def _break_penalty(before: str, after: str, pause: float) -> float:
    """How bad a break between two words is."""
    if before.endswith(_ENDS):
        return 0.0
    if before.endswith(_CLAUSES):
        return 0.3
    if pause >= BREATH_SECONDS:
        return 0.5
    if before.lower() in _CLINGING:
        return 2.0
    return 0.8 if after.lower() in _OPENERS else 1.2
