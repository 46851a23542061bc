"""Times for the words of an engine that gives none, by alignment with ours."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from streamer.events import Word

#: Confidence of a word that only one of two engines heard, if that engine gives none.
_DISPUTED = 0.5


def word_times(
    said: Sequence[str],
    ours: Sequence[Word],
    start: float,
    end: float,
    confidence: float | None = None,
) -> tuple[Word, ...]:
    """Return words with times.

    Words that both heard keep our times and confidence. Those between share the time
    between in proportion to their letters.

    Args:
        said: the engine's words.
        ours: our words with their times.
        start: of the utterance, in seconds.
        end: of the utterance.
        confidence: of the engine; None if it gives none.
    """
    disputed = _DISPUTED if confidence is None else confidence
    matcher = SequenceMatcher(None, said, [word.word for word in ours], autojunk=False)
    result: list[Word] = []
    for tag, a, a_end, b, b_end in matcher.get_opcodes():
        if tag == "equal":
            result += ours[b:b_end]
            continue
        theirs = said[a:a_end]
        if len(theirs) == b_end - b:
            times = [(word.start, word.end) for word in ours[b:b_end]]
        else:
            before = ours[b - 1].end if b else start
            after = ours[b_end].start if b_end < len(ours) else end
            first, last = (ours[b].start, ours[b_end - 1].end) if b_end > b else (before, after)
            times = _shares(theirs, first, max(first, last))
        result += [Word(w, first, last, disputed) for w, (first, last) in zip(theirs, times)]
    return tuple(result)


def _shares(words: Sequence[str], start: float, end: float) -> list[tuple[float, float]]:
    """Divide a time among words in proportion to their letters."""
    letters = sum(len(word) for word in words)
    times, position = [], 0
    for word in words:
        first = start + (end - start) * position / letters
        position += len(word)
        times.append((first, start + (end - start) * position / letters))
    return times
