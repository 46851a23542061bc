"""Words of a search's candidates with their frames and confidence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from streamer.decoding.decoder import DecodedWord
from streamer.decoding.search.contract import Candidate


class WordSpan(NamedTuple):
    """A word and its place in the utterance.

    Attributes:
        word: its letters.
        frames: frame of each letter, counted since the start of the utterance.
        labels: the column of the probabilities that each letter was read from.
        end: frame of the character after the word, or the number of frames so far.
        language: see `Candidate.language`; 0 where it is not known.
    """

    word: str
    frames: tuple[int, ...]
    labels: tuple[int, ...]
    end: int
    language: float = 0.0


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
            place = len(spans)
            language = candidate.language[place] if place < len(candidate.language) else 0.0
            letters = tuple(frames[start:stop])
            spans.append(WordSpan(text[start:stop], letters, labels, end, language))
            n_complete += has_space or ending
        start = stop + 1
    return Segmentation(candidate.score, tuple(spans), n_complete)


def decode_span(span: WordSpan, confidence: float, earliest: int) -> DecodedWord:
    """Return a word with its times and confidence.

    Args:
        span: the word.
        confidence: of the word.
        earliest: end of the word before; this word does not start earlier.
    """
    start = max(span.frames[0], earliest)
    return DecodedWord(span.word, start, max(span.frames[-1], start) + 1, confidence)
