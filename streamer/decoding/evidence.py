"""What speaks for and against a word of a hypothesis: the evidence behind its confidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from streamer.arrays import FloatArray
from streamer.decoding.alphabet import Alphabet
from streamer.decoding.search.contract import collapse
from streamer.decoding.word_spans import Segmentation, WordSpan

#: Smaller probabilities are raised to this value.
_FLOOR = 1e-10
#: Scores of candidates are divided by this before they are compared: acoustic frames are not
#: independent, so that the difference of two scores is too large.
_SCORE_SCALE = 3.0
#: Frames before and after a word in which its letters may appear.
_MARGIN_FRAMES = 4


class Evidence(NamedTuple):
    """The evidence of one word.

    Attributes:
        acoustic: mean over its letters of the logarithm of each one's highest probability.
        spelling: similarity of the word with the letters that the network alone reads, 0 to 1;
            differs from `acoustic` for a network that outputs phonemes as well.
        share: mean share of the candidates' probability that had the word, over all chunks since
            it appeared.
        least_share: the smallest such share.
        changes: how many other words stood in its place before.
        language: common logarithm of its probability given the words before; 0 if unknown.
        letters: number of letters.
        frames: from its first letter to the character behind it.
        begin: frame of its first letter.
        end: one past the frame of its last letter.
    """

    acoustic: float
    spelling: float
    share: float
    least_share: float
    changes: float
    language: float
    letters: float
    frames: float
    begin: float
    end: float


class _Seen(NamedTuple):
    """What was seen of a word of the best candidate so far."""

    word: str
    chunks: int
    total: float
    least: float
    changes: int


class Agreement:
    """Follows how far the candidates of an utterance agree with each word of the best one.

    Older words are agreed on in the end, because hypotheses that differ only in old words merge;
    so the shares are taken while the word is new.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start a new utterance."""
        self._seen: list[_Seen] = []

    def update(self, candidates: Sequence[Segmentation], first: int, n_stable: int) -> None:
        """Take the candidates after another chunk.

        Args:
            candidates: the best first; all begin with the stable words.
            first: number of the first word of the candidates in the utterance.
            n_stable: number of stable words of the utterance; their shares are kept.
        """
        best = candidates[0]
        scores = np.array([candidate.score for candidate in candidates])
        weights = np.exp((scores - scores[0]) / _SCORE_SCALE)
        weights /= weights.sum()
        before = self._seen[n_stable:]
        del self._seen[n_stable:]
        for place, span in enumerate(best.spans[n_stable - first :]):
            share = float(
                sum(w for w, each in zip(weights.tolist(), candidates) if _has(each, span))
            )
            seen = before[place] if place < len(before) else _Seen(span.word, 0, 0.0, 1.0, 0)
            if seen.word != span.word:
                # A word that grew letter by letter is no other word.
                grown = span.word.startswith(seen.word)
                seen = _Seen(span.word, 0, 0.0, 1.0, seen.changes + (not grown))
            self._seen.append(
                _Seen(
                    span.word,
                    seen.chunks + 1,
                    seen.total + share,
                    min(seen.least, share),
                    seen.changes,
                )
            )

    def of(self, place: int) -> tuple[float, float, float]:
        """Return the mean and the least share of a word, and its changes.

        Args:
            place: number of the word in the utterance.
        """
        if place >= len(self._seen) or not self._seen[place].chunks:
            return 1.0, 1.0, 0.0
        seen = self._seen[place]
        return seen.total / seen.chunks, seen.least, float(seen.changes)


def _has(candidate: Segmentation, span: WordSpan) -> bool:
    """Whether a candidate has the same word at the same time."""
    begin, end = span.frames[0], span.frames[-1]
    return any(
        other.word == span.word and other.frames[0] <= end and other.frames[-1] >= begin
        for other in candidate.spans
    )


def gather(
    span: WordSpan,
    probabilities: FloatArray,
    origin: int,
    agreement: tuple[float, float, float],
    alphabet: Alphabet | None,
) -> Evidence:
    """Return the evidence of a word.

    Args:
        span: the word.
        probabilities: float32 (n, n_labels).
        origin: frame of the utterance that is the first row of ``probabilities``.
        agreement: see `Agreement.of`.
        alphabet: letters of the first columns; None where there is nothing to read.
    """
    bounds = [*span.frames, span.end]
    peaks = []
    for start, stop, label in zip(bounds, bounds[1:], span.labels):
        first = max(start - origin, 0)
        rows = probabilities[first : max(stop - origin, first + 1), label]
        peaks.append(float(rows.max(initial=0.0)))
    acoustic = float(np.log(np.maximum(peaks, _FLOOR)).mean())
    spelling = 1.0
    if alphabet is not None:
        begin = max(span.frames[0] - origin - _MARGIN_FRAMES, 0)
        end = max(span.end - origin + _MARGIN_FRAMES, begin + 1)
        spelling = similarity(span.word, read_letters(probabilities[begin:end], alphabet))
    return Evidence(
        acoustic,
        spelling,
        *agreement,
        span.language,
        float(len(span.word)),
        float(max(span.end - span.frames[0], 1)),
        float(span.frames[0]),
        float(span.frames[-1] + 1),
    )


def read_letters(rows: FloatArray, alphabet: Alphabet) -> str:
    """Return the likeliest letters of frames, without blanks and repetitions.

    Args:
        rows: float32 (n, n_labels), letters first.
        alphabet: the letters.
    """
    path = rows[:, : len(alphabet) + 1].argmax(axis=1)
    return collapse(0.0, path.tolist(), alphabet).text


def similarity(word: str, heard: str) -> float:
    """Return how well a word can be found in letters, 0 to 1.

    The letters may be surrounded by others: the edit distance lets the word begin and end
    anywhere (Sellers, 1980).
    """
    row = [0] * (len(heard) + 1)
    for i, wanted in enumerate(word, 1):
        before, row[0] = row[0], i
        for j, got in enumerate(heard, 1):
            cost = min(row[j] + 1, row[j - 1] + 1, before + (wanted != got))
            before, row[j] = row[j], cost
    return 1.0 - min(row) / len(word)
