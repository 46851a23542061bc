"""Streaming decoder for any search: words, a stable prefix, and bounded work.

The decoder keeps the stable words; the search only holds what comes after them. When that has
grown long, or when the search contradicts the stable words, it is restarted after them: primed
with the last of them, so that its language model is where it was, and fed the frames since then
again. So every hypothesis begins with the stable words, and a chunk costs the same in the tenth
minute as in the first.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from streamer.arrays import FloatArray
from streamer.decoding.alphabet import Alphabet
from streamer.decoding.confidence import Estimator, RawConfidence
from streamer.decoding.decoder import DecodedWord, Hypothesis
from streamer.decoding.evidence import Agreement, Evidence, gather
from streamer.decoding.search.contract import Search
from streamer.decoding.stability import StabilityTracker
from streamer.decoding.word_spans import Segmentation, WordSpan, decode_span, segment

#: Candidates compared: enough to see disagreement, few enough to be cheap.
_N_CANDIDATES = 16

#: Frames that the search may hold before it is restarted after the stable words. More do not
#: help: after eight seconds every word is stable.
WINDOW_FRAMES = 400

#: Frames that the search may hold when no word becomes stable. Only a single word may be longer:
#: the cap on the length of an utterance bounds it.
LONGEST_FRAMES = 500

#: The most recent frames, which a restart leaves to the search.
_KEPT_FRAMES = 50

#: Silence kept before the next word at a restart.
_MARGIN_FRAMES = 25


class StreamingDecoder:
    """A `Decoder` that drives a `Search`.

    Args:
        search: finds the characters.
        n_columns: probabilities per frame.
        n_best: number of texts returned, the best included.
        tracker: finds the stable words; None makes one that suits the search.
        estimator: of the confidence of words.
        alphabet: letters of the first columns, where the confidence depends on them.
        window_frames: see `WINDOW_FRAMES`.
        longest_frames: see `LONGEST_FRAMES`.

    Attributes:
        search: the search, for measurements.
        estimator: see above; may be replaced between two utterances.
    """

    def __init__(
        self,
        search: Search,
        n_columns: int,
        n_best: int,
        tracker: StabilityTracker | None = None,
        estimator: Estimator | None = None,
        alphabet: Alphabet | None = None,
        window_frames: int = WINDOW_FRAMES,
        longest_frames: int = LONGEST_FRAMES,
    ) -> None:
        self.search = search
        self._n_columns = n_columns
        self._n_best = n_best
        self._window_frames = window_frames
        self._longest_frames = longest_frames
        self.estimator = estimator or RawConfidence()
        self._alphabet = alphabet
        self._agreement = Agreement()
        self._tracker = tracker or StabilityTracker(*((0, 0.0) if search.append_only else ()))
        self.reset()

    @property
    def name(self) -> str:
        """Name of the search."""
        return self.search.name

    @property
    def doubtful(self) -> float:
        """Words with a lower confidence should be marked."""
        return self.estimator.doubtful

    def reset(self) -> None:
        """Start a new utterance."""
        self._n_frames = 0
        self._finished = False
        self._hypothesis: Hypothesis | None = None  # the last one, while it is up to date
        self._candidates = [Segmentation(0.0, (), 0)]
        # The stable words and their evidence, the frame where they end, and how many the search
        # does not hold.
        self._stable: list[DecodedWord] = []
        self._stable_evidence: list[Evidence] = []
        self._stable_end = 0
        self._n_before = 0
        # The frame where the search started, the probabilities since then, the text that it was
        # primed with and the frames that this took.
        self._origin = 0
        self._rows: list[FloatArray] = []
        self._context = ""
        self._context_frames = 0
        self._tracker.reset()
        self._agreement.reset()
        self.search.reset()

    def new_stream(self) -> StreamingDecoder:
        """Return the same decoder for another stream; see `Decoder.new_stream`."""
        decoder = copy.copy(self)
        decoder.search = self.search.new_stream()
        decoder._tracker = copy.copy(self._tracker)
        decoder._agreement = Agreement()
        decoder.reset()
        return decoder

    def feed(self, probabilities: FloatArray) -> None:
        """Process the next frames: float32 (n, n_labels), the blank last.

        Raises:
            ValueError: another shape.
            RuntimeError: the utterance is finished; call `reset` first.
        """
        if self._finished:
            raise RuntimeError("the utterance is finished; call reset() first")
        rows = np.ascontiguousarray(probabilities, np.float32)
        if rows.ndim != 2 or rows.shape[1] != self._n_columns:
            raise ValueError(f"expected (n, {self._n_columns}), got {rows.shape}")
        if not len(rows):
            return
        if not np.isfinite(rows).all():
            # Invalid numbers from a network must not reach a search written in C++.
            rows = np.nan_to_num(rows, nan=0.0, posinf=1.0, neginf=0.0)
        self._hypothesis = None
        self._rows.append(rows)
        self._n_frames += len(rows)
        self.search.feed(rows)
        self._update_candidates(ending=False)
        self._update_stable()
        if self._n_frames - self._origin > self._window_frames:
            self._shorten()

    def hypothesis(self) -> Hypothesis:
        """Return the hypothesis so far; changes nothing."""
        if self._hypothesis is None:
            self._hypothesis = self._make_hypothesis()
        return self._hypothesis

    def finish(self) -> Hypothesis:
        """End the utterance; only `hypothesis` and `reset` may be called afterwards."""
        if not self._finished:
            if self._n_frames:
                self.search.finish()
                self._update_candidates(ending=True)
            hypothesis = self._make_hypothesis()
            self._finished = True
            self._hypothesis = replace(hypothesis, stable=hypothesis.text)
        return self.hypothesis()

    # -- candidates ----------------------------------------------------------------------

    def _update_candidates(self, ending: bool) -> None:
        """Read the search's candidates that begin with the stable words."""
        found = self._read_candidates(ending)
        if not self._agrees(found[0]):
            # The search contradicts the stable words: restart it after them.
            n_before = self._n_before
            self._restart(self._stable_end)
            if ending:
                self.search.finish()
            found = self._read_candidates(ending)
            self._candidates = [c.without(self._n_before - n_before) for c in self._candidates]
        # If the search contradicts them even so, the earlier candidates remain.
        self._candidates = [c for c in found if self._agrees(c)] or self._candidates
        self._agreement.update(self._candidates, self._n_before, len(self._stable))

    def _read_candidates(self, ending: bool) -> list[Segmentation]:
        first_frame = self._origin - self._context_frames
        return [
            segment(candidate, self._context, first_frame, self._n_frames, ending)
            for candidate in self.search.candidates(_N_CANDIDATES)
        ]

    def _n_held(self) -> int:
        """Return the number of stable words that the candidates begin with."""
        return len(self._stable) - self._n_before

    def _agrees(self, candidate: Segmentation) -> bool:
        """Whether a candidate begins with the stable words."""
        stable = self._stable[self._n_before :]
        return candidate.n_complete >= len(stable) and all(
            span.word == word.word for span, word in zip(candidate.spans, stable)
        )

    # -- stable words --------------------------------------------------------------------

    def _update_stable(self) -> None:
        """Add the words that the tracker finds stable."""
        n_held = self._n_held()
        stable = [word.word for word in self._stable]
        hypotheses = [
            (c.score, stable + [span.word for span in c.spans[n_held : c.n_complete]])
            for c in self._candidates
        ]
        n_stable = self._tracker.update(self._n_frames, hypotheses, len(stable))
        self._add_stable(n_stable - len(stable))

    def _add_stable(self, count: int) -> None:
        """Make the next words of the best candidate stable."""
        spans = self._candidates[0].spans
        n_held = self._n_held()
        for span in spans[n_held : n_held + count]:
            evidence = self._gather(span, len(self._stable))
            self._stable.append(self._decode(span, self._stable))
            self._stable_evidence.append(evidence)
        n_held = self._n_held()
        end = spans[n_held - 1].end if n_held else self._origin
        next_start = spans[n_held].frames[0] if n_held < len(spans) else self._n_frames
        self._stable_end = max(self._stable_end, end, next_start - _MARGIN_FRAMES)

    # -- bounded work --------------------------------------------------------------------

    def _shorten(self) -> None:
        """Restart the search after the stable words, so that it holds few frames."""
        if self._stable_end - self._origin < _KEPT_FRAMES:
            if self._n_frames - self._origin < self._longest_frames:
                return
            # Nothing becomes stable: accept the best candidate except for its end.
            best = self._candidates[0]
            limit = self._n_frames - _KEPT_FRAMES
            unstable = best.spans[self._n_held() : best.n_complete]
            n_old = sum(span.end < limit for span in unstable)
            if not n_old:
                return  # one long word, as in text without spaces: it must not lose its beginning
            self._add_stable(n_old)
        self._restart(self._stable_end)
        self._update_candidates(ending=False)

    def _restart(self, frame: int) -> None:
        """Restart the search at a frame, primed with the last stable words."""
        rows = np.ascontiguousarray(np.concatenate(self._rows)[frame - self._origin :])
        self._origin = frame
        self._rows = [rows]
        self._n_before = len(self._stable)
        context = [word.word for word in self._stable[-self.search.context_words :]]
        self._context = "".join(word + " " for word in context)
        self.search.reset()
        self._context_frames = self.search.prime(context)
        if len(rows):
            self.search.feed(rows)

    # -- hypotheses ----------------------------------------------------------------------

    def _make_hypothesis(self) -> Hypothesis:
        n_held = self._n_held()
        best = self._candidates[0]
        words = list(self._stable)
        evidence = list(self._stable_evidence)
        for span in self._visible(best)[n_held:]:
            evidence.append(self._gather(span, len(words)))
            words.append(self._decode(span, words))
        words = [
            replace(word, confidence=confidence)
            for word, confidence in zip(words, self.estimator.probabilities(evidence).tolist())
        ]
        stable = " ".join(word.word for word in self._stable)
        texts = {" ".join(word.word for word in words): None}
        for candidate in self._candidates[1:]:
            tail = [span.word for span in self._visible(candidate)[n_held:]]
            texts[" ".join([*([stable] if stable else []), *tail])] = None
        text, *alternatives = list(texts)[: self._n_best]
        return Hypothesis(text, stable, tuple(words), tuple(alternatives), best.score)

    def _visible(self, candidate: Segmentation) -> tuple[WordSpan, ...]:
        """Leave out a last word that is not a word yet, because it would only flicker."""
        spans = candidate.spans
        if candidate.n_complete < len(spans) and not self.search.is_word(spans[-1].word):
            return spans[:-1]
        return spans

    def _decode(self, span: WordSpan, before: Sequence[DecodedWord]) -> DecodedWord:
        """Return a word with its times, not before the end of the last one."""
        return decode_span(span, 0.0, before[-1].end_frame if before else 0)

    def _gather(self, span: WordSpan, place: int) -> Evidence:
        """Return the evidence of a word, the `place`-th of the utterance."""
        rows = self._rows[0] if len(self._rows) == 1 else np.concatenate(self._rows)
        self._rows = [rows]
        return gather(span, rows, self._origin, self._agreement.of(place), self._alphabet)
