"""Words of a search's candidates with their frames and confidence."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from streamer.arrays import FloatArray
from streamer.decoding.decoder import DecodedWord
from streamer.decoding.search.contract import Candidate

#: Smaller probabilities are raised to this value in the confidence.
_MIN_CONFIDENCE = 1e-10


@dataclass(frozen=True)
class WordSpan:
    """A word and its place in the utterance.

    Attributes:
        word: its letters.
        frames: frame of each letter, counted since the start of the utterance.
        labels: the column of the probabilities that each letter was read from.
        end: frame of the character after the word, or the number of frames so far.
    """

    word: str
    frames: tuple[int, ...]
    labels: tuple[int, ...]
    end: int


@dataclass(frozen=True)
class Segmentation:
    """A candidate divided into words.

    Attributes:
        score: natural logarithm.
        spans: its words after the context.
        n_complete: number of words that are complete; -1 if the candidate does not begin
            with the context.
    """

    score: float
    spans: tuple[WordSpan, ...]
    n_complete: int

    def without(self, count: int) -> Segmentation:
        """Return the same without its first words."""
        return replace(self, spans=self.spans[count:], n_complete=self.n_complete - count)


def segment(
    candidate: Candidate, context: str, first_frame: int, n_frames: int, ending: bool
) -> Segmentation:
    """Divide a candidate into words and leave out the context.

    Args:
        candidate: the candidate.
        context: the text that the search was primed with.
        first_frame: frame of the utterance that is frame 0 of the candidate.
        n_frames: frames of the utterance so far.
        ending: whether the utterance is over, so that the last word is complete.
    """
    if not candidate.text.startswith(context):
        return Segmentation(candidate.score, (), -1)
    spans: list[WordSpan] = []
    text, frames = candidate.text, [frame + first_frame for frame in candidate.frames]
    start, n_complete = len(context), 0
    while start < len(text):
        stop = text.find(" ", start)
        has_space = stop >= 0
        stop = stop if has_space else len(text)
        if start < stop:
            end = frames[stop] if has_space else n_frames
            labels = candidate.labels[start:stop]
            spans.append(WordSpan(text[start:stop], tuple(frames[start:stop]), labels, end))
            n_complete += has_space or ending
        start = stop + 1
    return Segmentation(candidate.score, tuple(spans), n_complete)


def decode_span(
    span: WordSpan, probabilities: FloatArray, origin: int, earliest: int
) -> DecodedWord:
    """Return a word with its times and confidence.

    Args:
        span: the word.
        probabilities: float32 (n, n_labels).
        origin: frame of the utterance that is the first row of ``probabilities``.
        earliest: end of the word before; this word does not start earlier.
    """
    bounds = [*span.frames, span.end]
    peaks = []
    for start, stop, label in zip(bounds, bounds[1:], span.labels):
        first = max(start - origin, 0)
        rows = probabilities[first : max(stop - origin, first + 1), label]
        peaks.append(float(rows.max(initial=0.0)))
    mean = float(np.exp(np.mean(np.log(np.maximum(peaks, _MIN_CONFIDENCE)))))
    start = max(span.frames[0], earliest)
    return DecodedWord(span.word, start, max(span.frames[-1], start) + 1, min(mean, 1.0))
