"""Where to cut speech without a pause: at the quietest place between two words."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from streamer.arrays import FloatArray
from streamer.engine.utterance import Utterance

#: Loudness is compared over 20 ms: longer than a period of any voice.
FRAME_SAMPLES = 320


def quietest(samples: FloatArray, first: int, last: int) -> tuple[int, float]:
    """Find the quietest place of a stretch.

    Args:
        samples: float32 (n,).
        first: index at which the stretch begins.
        last: index after its end.

    Returns:
        The index in the middle of the quietest frame, and the mean square of
        that frame. A stretch shorter than a frame is widened to one.
    """
    if last - first < FRAME_SAMPLES:
        first = max(0, min((first + last - FRAME_SAMPLES) // 2, len(samples) - FRAME_SAMPLES))
        last = first + FRAME_SAMPLES
    starts = range(first, last - FRAME_SAMPLES + 1, FRAME_SAMPLES // 4)
    powers = [float(np.mean(np.square(samples[s : s + FRAME_SAMPLES]))) for s in starts]
    best = int(np.argmin(powers))
    return starts[best] + FRAME_SAMPLES // 2, powers[best]


class Cut(NamedTuple):
    """A place at which speech without a pause can be cut.

    Attributes:
        kept: how many words stay with the utterance.
        position: absolute position of the cut.
    """

    kept: int
    position: int


def choose_cut(utterance: Utterance, samples: FloatArray, begin: int) -> Cut | None:
    """Choose the quietest place between two words.

    Words that were promised stay with the utterance; the last word may still
    be going on, so the place after it counts only where there is no other.

    Args:
        utterance: what was said so far.
        samples: the newest samples of it, float32 (n,).
        begin: absolute position of the first of them; nothing before is looked at.

    Returns:
        The place; None where nothing was said.
    """
    hypothesis = utterance.latest
    if hypothesis is None or not hypothesis.words:
        return None
    words = hypothesis.words
    end = begin + len(samples)
    promised = max(1, len(hypothesis.stable.split()))
    pauses = [
        (kept, utterance.position(words[kept - 1].end_frame), utterance.position(after.start_frame))
        for kept, after in enumerate(words[promised:], start=promised)
        if utterance.position(words[kept - 1].end_frame) >= begin
    ]
    if not pauses:
        pauses = [(len(words), utterance.position(words[-1].end_frame), end)]
    cuts = []
    for kept, first, last in pauses:
        place, loudness = quietest(samples, max(first - begin, 0), min(last - begin, len(samples)))
        cuts.append((loudness, Cut(kept, begin + place)))
    return min(cuts, key=lambda cut: cut[0])[1]
