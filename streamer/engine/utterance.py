"""One utterance on its way through framer, acoustic model and decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from streamer.acoustic.contract import AcousticModel, State
from streamer.arrays import FloatArray
from streamer.features import Framer, FrontEnd, Window

if TYPE_CHECKING:
    from streamer.decoding import Decoder, Hypothesis


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
