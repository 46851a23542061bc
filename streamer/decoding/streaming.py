"""Words, a stable prefix and bounded work for any search over characters.

The search only ever holds the part of the utterance that is not settled. What
is settled is kept here, and the search is started anew behind it when it has
grown long or wants to contradict it: it is told the last settled words (so that
its language model stands where it stood) and hears the frames since then once
more. So every hypothesis begins with what was declared stable, and a chunk
costs the same in the tenth minute as in the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from streamer.arrays import FloatArray
from streamer.decoding.decoder import DecodedWord, Hypothesis
from streamer.decoding.search.contract import Candidate, Search
from streamer.decoding.stability import StabilityTracker

#: Hypotheses looked at: enough to see disagreement, few enough to cost little.
_LOOKED_AT = 16

#: The search is started anew behind the settled words when it holds more frames. Longer
#: does no good: nothing unsettled is eight seconds old.
WINDOW_FRAMES = 400

#: A search that nothing has settled for this long is cut all the same.
LONGEST_FRAMES = 500

#: The end of what was heard that a cut leaves alone.
_KEPT_FRAMES = 50

#: Silence left before the next word when a search is started anew.
_MARGIN_FRAMES = 25


@dataclass(frozen=True)
class _Span:
    """A word of a candidate.

    Attributes:
        word: its letters.
        frames: frame of each letter, counted since the utterance began.
        labels: the column of the probabilities that speaks for each letter.
        end: frame of the character after it, or where hearing ended.
    """

    word: str
    frames: tuple[int, ...]
    labels: tuple[int, ...]
    end: int


@dataclass(frozen=True)
class _Segmentation:
    """A hypothesis of the search, cut into words.

    Attributes:
        score: natural logarithm.
        spans: its words behind those the search was told.
        finished: how many of them are followed by a space.
    """

    score: float
    spans: tuple[_Span, ...]
    finished: int

    def without(self, count: int) -> _Segmentation:
        """Leave out its first words."""
        return replace(self, spans=self.spans[count:], finished=self.finished - count)


class StreamingDecoder:
    """A `Decoder` made of a search.

    Args:
        search: finds the characters.
        n_columns: probabilities at a frame.
        n_best: texts given, the best one counted.
        tracker: says what is settled; None takes one for this search.
        window_frames: see `WINDOW_FRAMES`.
        longest_frames: see `LONGEST_FRAMES`.

    Attributes:
        search: the search, for measurements.
    """

    def __init__(
        self,
        search: Search,
        n_columns: int,
        n_best: int,
        tracker: StabilityTracker | None = None,
        window_frames: int = WINDOW_FRAMES,
        longest_frames: int = LONGEST_FRAMES,
    ) -> None:
        self.search = search
        self._n_columns = n_columns
        self._n_best = n_best
        self._window_frames = window_frames
        self._longest_frames = longest_frames
        self._tracker = tracker or StabilityTracker(*((0, 0.0) if search.append_only else ()))
        self.reset()

    @property
    def name(self) -> str:
        """Which search this is."""
        return self.search.name

    def reset(self) -> None:
        """Begin a new utterance."""
        self._settled: list[DecodedWord] = []
        self._boundary = 0  # the frame behind the settled words
        self._now = 0  # frames heard
        self._rows: list[FloatArray] = []  # probabilities since the origin
        self._candidates: list[_Segmentation] = [_Segmentation(0.0, (), 0)]
        self._finished = False
        self._origin = 0  # the frame where the search began
        self._told_words = 0  # settled words that lie before the origin
        self._told = ""  # the last of these, with the space behind, as the search heard them
        self._told_frames = 0  # how long that took
        self._said: Hypothesis | None = None
        self._tracker.reset()
        self.search.reset()

    def feed(self, probabilities: FloatArray) -> None:
        """Take the next frames: float32 (n, n_labels), the blank last.

        Raises:
            ValueError: another shape.
            RuntimeError: the utterance was finished; `reset` begins another.
        """
        if self._finished:
            raise RuntimeError("the utterance is finished; reset() begins another")
        rows = np.ascontiguousarray(probabilities, np.float32)
        if rows.ndim != 2 or rows.shape[1] != self._n_columns:
            raise ValueError(f"expected (n, {self._n_columns}), got {rows.shape}")
        if not len(rows):
            return
        if not np.isfinite(rows).all():
            # A network that has gone astray must not take the C++ below with it.
            rows = np.nan_to_num(rows, nan=0.0, posinf=1.0, neginf=0.0)
        self._said = None
        self._rows.append(rows)
        self._now += len(rows)
        self.search.feed(rows)
        self._look(ending=False)
        self._settle()
        if self._now - self._origin > self._window_frames:
            self._shorten()

    def hypothesis(self) -> Hypothesis:
        """Say what the utterance seems to be so far; changes nothing."""
        if self._said is None:
            self._said = self._say()
        return self._said

    def finish(self) -> Hypothesis:
        """End the utterance; after it only `hypothesis` and `reset` are of use."""
        if not self._finished:
            self._said = None
            if self._now:
                self.search.finish()
                self._look(ending=True)
            said = self._say()
            best = self._candidates[0]
            self._settle_to(len(self._settled) + len(best.spans) - self._open_from())
            self._finished = True
            self._said = replace(said, stable=said.text)
        return self.hypothesis()

    # -- candidates ----------------------------------------------------------------------

    def _look(self, ending: bool) -> None:
        """Take the search's hypotheses that begin with the settled words."""
        found = self._read(ending)
        if not self._agrees(found[0], ending):
            # The search has changed its mind about what was declared stable.
            told = self._told_words
            self._restart(self._boundary)
            if ending:
                self.search.finish()
            found = self._read(ending)
            self._candidates = [c.without(self._told_words - told) for c in self._candidates]
        agreeing = [candidate for candidate in found if self._agrees(candidate, ending)]
        # Of a search that even so cannot be held to the settled words, what it
        # thought before stays.
        self._candidates = agreeing or self._candidates

    def _read(self, ending: bool) -> list[_Segmentation]:
        """Cut the search's hypotheses into words."""
        return [self._cut(path, ending) for path in self.search.candidates(_LOOKED_AT)]

    def _cut(self, path: Candidate, ending: bool) -> _Segmentation:
        """Cut a path into words, those that the search was told left out."""
        if not path.text.startswith(self._told):
            return _Segmentation(path.score, (), -1)  # agrees with nothing
        shift = self._origin - self._told_frames
        spans: list[_Span] = []
        text, frames = path.text, [frame + shift for frame in path.frames]
        start, finished = len(self._told), 0
        while start < len(text):
            stop = text.find(" ", start)
            ended = stop >= 0
            stop = stop if ended else len(text)
            if start < stop:
                span = _Span(
                    text[start:stop], tuple(frames[start:stop]), path.labels[start:stop],
                    frames[stop] if ended else self._now,
                )  # fmt: skip
                spans.append(span)
                finished += ended or ending
            start = stop + 1
        return _Segmentation(path.score, tuple(spans), finished)

    def _open_from(self) -> int:
        """How many words of a candidate are settled."""
        return len(self._settled) - self._told_words

    def _agrees(self, candidate: _Segmentation, ending: bool) -> bool:
        """Whether a candidate begins with the settled words."""
        settled = self._settled[self._told_words :]
        return candidate.finished >= len(settled) and all(
            span.word == word.word for span, word in zip(candidate.spans, settled)
        )

    # -- settling ------------------------------------------------------------------------

    def _settle(self) -> None:
        """Declare stable what the tracker finds settled."""
        open_from = self._open_from()
        told = [word.word for word in self._settled]
        hypotheses = [
            (
                candidate.score,
                told + [s.word for s in candidate.spans[open_from : candidate.finished]],
            )
            for candidate in self._candidates
        ]
        self._settle_to(self._tracker.update(self._now, hypotheses, len(self._settled)))

    def _settle_to(self, count: int) -> None:
        """Declare words of the best candidate stable, until there are `count`."""
        best = self._candidates[0]
        open_from = self._open_from()
        for span in best.spans[open_from : open_from + count - len(self._settled)]:
            self._settled.append(self._word(span, self._settled))
        settled = self._open_from()
        behind = best.spans[settled - 1].end if settled else self._origin
        following = best.spans[settled].frames[0] if settled < len(best.spans) else self._now
        self._boundary = max(self._boundary, behind, following - _MARGIN_FRAMES)

    def _shorten(self) -> None:
        """Start the search anew behind what is settled, so that its work is bounded."""
        if self._boundary - self._origin < _KEPT_FRAMES:
            if self._now - self._origin < self._longest_frames:
                return
            # Nothing settles: take the best hypothesis at its word, but for its end.
            best, open_from = self._candidates[0], self._open_from()
            old = [
                span
                for span in best.spans[open_from : best.finished]
                if span.end < self._now - _KEPT_FRAMES
            ]
            self._settle_to(len(self._settled) + len(old))
            if not old:
                self._boundary = self._now - _KEPT_FRAMES
        self._restart(self._boundary)
        self._look(ending=False)

    def _restart(self, frame: int) -> None:
        """Let the search begin at a frame, knowing the settled words."""
        rows = np.concatenate(self._rows)[frame - self._origin :]
        self._origin = frame
        self._rows = [rows]
        self._told_words = len(self._settled)
        context = self._settled[-self.search.context_words :]
        self._told = "".join(word.word + " " for word in context)
        self.search.reset()
        self._told_frames = self.search.prime([word.word for word in context])
        if len(rows):
            self.search.feed(np.ascontiguousarray(rows))

    # -- what is said --------------------------------------------------------------------

    def _say(self) -> Hypothesis:
        """Make the hypothesis of the moment."""
        open_from = self._open_from()
        best = self._candidates[0]
        words = list(self._settled)
        for span in self._shown(best)[open_from:]:
            words.append(self._word(span, words))
        stable = " ".join(word.word for word in self._settled)
        texts = {" ".join(word.word for word in words): None}
        for candidate in self._candidates[1:]:
            tail = [span.word for span in self._shown(candidate)[open_from:]]
            texts[" ".join([*([stable] if stable else []), *tail])] = None
        text, *alternatives = list(texts)[: self._n_best]
        return Hypothesis(text, stable, tuple(words), tuple(alternatives), best.score)

    def _shown(self, candidate: _Segmentation) -> tuple[_Span, ...]:
        """Leave out a last word that is not a word yet: it would only flicker."""
        spans = candidate.spans
        if candidate.finished < len(spans) and not self.search.is_word(spans[-1].word):
            return spans[:-1]
        return spans

    def _word(self, span: _Span, before: Sequence[DecodedWord]) -> DecodedWord:
        """Give a word its times, never before the end of the last one, and its confidence."""
        rows = self._rows[0] if len(self._rows) == 1 else np.concatenate(self._rows)
        self._rows = [rows]
        bounds = [*span.frames, span.end]
        peaks = []
        for start, stop, label in zip(bounds, bounds[1:], span.labels):
            first = max(start - self._origin, 0)
            held = rows[first : max(stop - self._origin, first + 1), label]
            peaks.append(float(held.max(initial=0.0)))
        mean = float(np.exp(np.mean(np.log(np.maximum(peaks, 1e-10)))))
        start = max(span.frames[0], before[-1].end_frame if before else 0)
        return DecodedWord(span.word, start, max(span.frames[-1], start) + 1, min(mean, 1.0))
