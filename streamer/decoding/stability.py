"""Which words of a hypothesis are settled.

A word is settled once it and all words before it have stood unchanged in the
best hypothesis for a while (successive hypotheses agree) and hardly any weight
of the other hypotheses speaks against it (the beam agrees). That is a
judgement, not a proof; the decoder makes it hold by keeping to it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

#: Frames for which a word must have stood unchanged: half a second or, with
#: windows of 16 steps, two hypotheses after the first.
HOLD_FRAMES = 25

#: Share of the hypotheses' weight that must agree. Nine tenths: 15.7 % of the words of dev
#: are wrong and 10.7 characters not yet stable; a half: 16.4 % and 10.2; nothing held: 15.5 %.
MIN_SHARE = 0.9


class StabilityTracker:
    """Watches the hypotheses of one utterance.

    Args:
        hold_frames: see `HOLD_FRAMES`.
        min_share: see `MIN_SHARE`.
    """

    def __init__(self, hold_frames: int = HOLD_FRAMES, min_share: float = MIN_SHARE) -> None:
        self._hold_frames = hold_frames
        self._min_share = min_share
        self.reset()

    def reset(self) -> None:
        """Begin a new utterance."""
        self._seen: list[tuple[str, int]] = []

    def update(
        self, now: int, hypotheses: Sequence[tuple[float, Sequence[str]]], settled: int
    ) -> int:
        """Take the hypotheses of a moment and return how many words are settled.

        Args:
            now: frames heard so far.
            hypotheses: score and finished words of each, the best first.
            settled: words settled before; never fewer are returned.
        """
        best = hypotheses[0][1]
        kept = 0
        while kept < min(len(best), len(self._seen)) and self._seen[kept][0] == best[kept]:
            kept += 1
        self._seen[kept:] = [(word, now) for word in best[kept:]]
        weights = [(math.exp(score - hypotheses[0][0]), words) for score, words in hypotheses]
        total = sum(weight for weight, _ in weights)
        while settled < len(best) and now - self._seen[settled][1] >= self._hold_frames:
            prefix = list(best[: settled + 1])
            share = sum(weight for weight, words in weights if list(words[: settled + 1]) == prefix)
            if share < self._min_share * total:
                break
            settled += 1
        return settled
