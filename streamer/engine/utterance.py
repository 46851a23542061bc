"""One utterance, from samples to hypotheses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from streamer.acoustic.contract import AcousticModel, State
from streamer.arrays import FloatArray
from streamer.features import Framer, FrontEnd, Window
from streamer.features.normalisation import RunningNormalisation

if TYPE_CHECKING:
    from streamer.decoding import Decoder, Hypothesis


@dataclass(frozen=True)
class Stages:
    """The stages of a recogniser.

    Attributes:
        front_end: turns samples into coefficients.
        model: turns coefficients into probabilities.
        decoder: turns probabilities into words.
    """

    front_end: FrontEnd
    model: AcousticModel
    decoder: Decoder


class HypothesisUpdate(NamedTuple):
    """The hypothesis after one more window.

    Attributes:
        position: absolute position after the last sample that it depends on.
        hypothesis: everything said in the utterance so far.
    """

    position: int
    hypothesis: Hypothesis


class Utterance:
    """Runs framer, acoustic model and decoder over one utterance.

    The stages are the recogniser's, used by one utterance at a time.

    Args:
        stages: front end, acoustic model and decoder; the decoder is reset here.
        begin: absolute position of the first sample.
        normalisation: of the stream; None for that of a new one.
    """

    def __init__(
        self, stages: Stages, begin: int, normalisation: RunningNormalisation | None = None
    ) -> None:
        self.begin = begin
        self.end = begin
        self._stages = stages
        self._framer = Framer(
            stages.front_end, stages.model.n_steps, stages.model.n_context, normalisation
        )
        self._state: State = stages.model.initial_state()
        #: Windows run through the acoustic model so far.
        self.windows = 0
        #: The newest hypothesis.
        self.latest: Hypothesis | None = None
        stages.decoder.reset()

    def feed(self, samples: FloatArray) -> list[HypothesisUpdate]:
        """Take the next samples, float32 (n,); returns an update for each full window."""
        self.end += len(samples)
        updates = []
        for window in self._framer.feed(samples):
            self._run(window)
            self.latest = self._stages.decoder.hypothesis()
            updates.append(HypothesisUpdate(self._window_position(), self.latest))
        return updates

    def finish(self) -> Hypothesis:
        """Run the rest through all stages and return the final hypothesis."""
        for window in self._framer.finish():
            self._run(window)
        self.latest = self._stages.decoder.finish()
        return self.latest

    @property
    def last_word_end(self) -> int | None:
        """Absolute position of the end of the last word; None without words."""
        if self.latest is None or not self.latest.words:
            return None
        return min(self.end, self.position(self.latest.words[-1].end_frame))

    def position(self, frame: int) -> int:
        """Absolute position at which a frame of the decoder begins."""
        return self.begin + frame * self._stages.front_end.step_samples

    def _run(self, window: Window) -> None:
        probabilities, self._state = self._stages.model.infer(
            window.features, window.n, self._state
        )
        self._stages.decoder.feed(probabilities)
        self.windows += 1

    def _window_position(self) -> int:
        """Absolute position after the sample that completed the newest window.

        A step needs ``n_context`` vectors after the one in its middle.
        """
        front, model = self._stages.front_end, self._stages.model
        vectors = self.windows * model.n_steps + model.n_context
        return self.begin + (vectors - 1) * front.step_samples + front.window_samples
