"""Decides which words of a hypothesis are stable.

A word is stable once it and all words before it have stayed unchanged in the best
hypothesis for some time, and the other hypotheses hardly contradict it. That is an
estimate; `streamer.decoding.streaming` makes it hold by never changing a stable word.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

#: Frames for which a word must stay unchanged: half a second, which with windows of
#: 16 steps means two hypotheses after the first.
HOLD_FRAMES = 25

#: Share of the hypotheses' probability that must agree. With 0.9, dev has 15.7 % word errors
#: and 10.7 characters not yet stable; with 0.5, 16.4 % and 10.2; with no stable words, 15.5 %.
MIN_SHARE = 0.9


class StabilityTracker:
    """Follows the hypotheses of an utterance.

    Args:
        hold_frames: see `HOLD_FRAMES`.
        min_share: see `MIN_SHARE`.
    """

    def __init__(self, hold_frames: int = HOLD_FRAMES, min_share: float = MIN_SHARE) -> None:
        self._hold_frames = hold_frames
        self._min_share = min_share
        self.reset()

    def reset(self) -> None:
        """Start a new utterance."""
        self._unchanged_since: list[tuple[str, int]] = []

    def update(
        self, n_frames: int, hypotheses: Sequence[tuple[float, Sequence[str]]], n_stable: int
    ) -> int:
        """Compare with earlier hypotheses and return the number of stable words.

        Args:
            n_frames: frames so far.
            hypotheses: score and complete words of each, the best first.
            n_stable: number of stable words so far; the result is never smaller.
        """
        best_score, best = hypotheses[0]
        since = self._unchanged_since
        kept = 0
        while kept < min(len(best), len(since)) and since[kept][0] == best[kept]:
            kept += 1
        since[kept:] = [(word, n_frames) for word in best[kept:]]
        weights = [(math.exp(score - best_score), words) for score, words in hypotheses]
        total = sum(weight for weight, _ in weights)
        while n_stable < len(best) and n_frames - since[n_stable][1] >= self._hold_frames:
            end = n_stable + 1
            prefix = list(best[:end])
            share = sum(weight for weight, words in weights if list(words[:end]) == prefix)
            if share < self._min_share * total:
                break
            n_stable = end
        return n_stable
