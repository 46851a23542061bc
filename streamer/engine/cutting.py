"""Where to cut speech without a pause: at the quietest place between two words."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from streamer.arrays import FloatArray
from streamer.engine.utterance import Utterance

#: Loudness is compared over 20 ms: longer than the period of any voice.
FRAME_SAMPLES = 320


def quietest(samples: FloatArray, first: int, last: int) -> tuple[int, float]:
    """Find the quietest place between two indices.

    Args:
        samples: float32 (n,).
        first: where to begin.
        last: where to end, exclusive. Fewer samples than a frame are widened to one.

    Returns:
        The index in the middle of the quietest frame, and the mean square of
        that frame.
    """
    if last - first < FRAME_SAMPLES:
        first = max(0, min((first + last - FRAME_SAMPLES) // 2, len(samples) - FRAME_SAMPLES))
        last = first + FRAME_SAMPLES
    starts = range(first, last - FRAME_SAMPLES + 1, FRAME_SAMPLES // 4)
    powers = [float(np.mean(np.square(samples[s : s + FRAME_SAMPLES]))) for s in starts]
    best = int(np.argmin(powers))
    return starts[best] + FRAME_SAMPLES // 2, powers[best]


class Cut(NamedTuple):
    """A place to cut.

    Attributes:
        kept: number of words that stay with the utterance.
        position: absolute position of the cut.
    """

    kept: int
    position: int


def choose_cut(utterance: Utterance, samples: FloatArray, begin: int) -> Cut | None:
    """Choose the quietest place between two words.

    Stable words stay with the utterance. The last word may still be going on,
    so the place after it is used only if there is no other.

    Args:
        utterance: with its hypothesis so far.
        samples: its newest samples, float32 (n,).
        begin: absolute position of the first of them; cuts lie behind it.

    Returns:
        The place; None without words.
    """
    hypothesis = utterance.latest
    if hypothesis is None or not hypothesis.words:
        return None
    words = hypothesis.words
    end = begin + len(samples)
    stable = max(1, len(hypothesis.stable.split()))
    pauses = [
        (kept, utterance.position(words[kept - 1].end_frame), utterance.position(after.start_frame))
        for kept, after in enumerate(words[stable:], start=stable)
        if utterance.position(words[kept - 1].end_frame) >= begin
    ]
    if not pauses:
        pauses = [(len(words), utterance.position(words[-1].end_frame), end)]
    cuts = []
    for kept, first, last in pauses:
        place, loudness = quietest(samples, max(first - begin, 0), min(last - begin, len(samples)))
        cuts.append((loudness, Cut(kept, begin + place)))
    return min(cuts, key=lambda cut: cut[0])[1]
