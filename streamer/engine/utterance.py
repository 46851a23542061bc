"""One utterance on its way through framer, acoustic model and decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streamer.acoustic.contract import AcousticModel, State
from streamer.arrays import FloatArray
from streamer.features import Framer, FrontEnd, Window

if TYPE_CHECKING:
    from streamer.decoding import Decoder, Hypothesis


#: Loudness is compared over 20 ms: longer than a period of any voice.
FRAME_SAMPLES = 320


@dataclass(frozen=True)
class Stages:
    """What a recogniser is made of.

    Attributes:
        front_end: makes coefficients of samples.
        model: makes probabilities of coefficients.
        decoder: makes words of probabilities.
    """

    front_end: FrontEnd
    model: AcousticModel
    decoder: Decoder


class Progress(NamedTuple):
    """The decoder has heard more.

    Attributes:
        position: absolute position after the last sample that had to be there.
        hypothesis: what was said so far, as of then.
    """

    position: int
    hypothesis: Hypothesis


class Utterance:
    """Begins at a sample, is fed the samples from there on, and ends once.

    The stages are those of the recogniser, used by one utterance at a time.

    Args:
        stages: front end, acoustic model and decoder; the decoder is reset here.
        begin: absolute position of the first sample.
    """

    def __init__(self, stages: Stages, begin: int) -> None:
        self.begin = begin
        self.end = begin
        self._stages = stages
        self._framer = Framer(stages.front_end, stages.model.n_steps, stages.model.n_context)
        self._state: State = stages.model.initial_state()
        #: Windows given to the acoustic model so far.
        self.windows = 0
        #: What was said so far, as of the newest window.
        self.latest: Hypothesis | None = None
        stages.decoder.reset()

    def feed(self, samples: FloatArray) -> list[Progress]:
        """Take the next samples, float32 (n,); returns a report for each full window."""
        self.end += len(samples)
        reports = []
        for window in self._framer.feed(samples):
            self._run(window)
            self.latest = self._stages.decoder.hypothesis()
            reports.append(Progress(self._window_position(), self.latest))
        return reports

    def finish(self) -> Hypothesis:
        """Run what is left through all stages; the hypothesis is final."""
        for window in self._framer.finish():
            self._run(window)
        self.latest = self._stages.decoder.finish()
        return self.latest

    @property
    def last_word_end(self) -> int | None:
        """The absolute position at which the last word ends; None without words."""
        if self.latest is None or not self.latest.words:
            return None
        return min(self.end, self.position(self.latest.words[-1].end_frame))

    def position(self, frame: int) -> int:
        """The absolute position at which a frame of the decoder begins."""
        return self.begin + frame * self._stages.front_end.step_samples

    def _run(self, window: Window) -> None:
        probabilities, self._state = self._stages.model.infer(
            window.features, window.n, self._state
        )
        self._stages.decoder.feed(probabilities)
        self.windows += 1

    def _window_position(self) -> int:
        """Where the sample lies that completed the newest window.

        The step in the middle of a context needs ``n_context`` vectors after it.
        """
        front, model = self._stages.front_end, self._stages.model
        vectors = self.windows * model.n_steps + model.n_context
        return self.begin + (vectors - 1) * front.step_samples + front.window_samples


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
