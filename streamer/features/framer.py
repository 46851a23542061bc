"""Cut a stream of samples into windows of the acoustic model.

Three buffers in a row, as in DeepSpeech's native client: samples, coefficient vectors until the
context of one step is full, steps until a window of the acoustic model is full. Samples are
transformed once, when they complete such a window, all of its vectors together. The beginning is
padded with zero vectors (not with silence); so is the end, after the remaining samples are padded
to one more window.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from streamer.arrays import FloatArray
from streamer.features.front_ends import FrontEnd
from streamer.features.normalisation import RunningNormalisation


class Window(NamedTuple):
    """One input of the acoustic model.

    Attributes:
        features: float32 (1, n_steps, 2 * n_context + 1, n_coefficients);
            steps from ``n`` on are zeros.
        n: number of real steps, 1 to n_steps.
    """

    features: FloatArray
    n: int


class Framer:
    """Turns a stream of samples into windows of the acoustic model.

    Args:
        front_end: computes the coefficients.
        n_steps: steps in a window of the acoustic model.
        n_context: coefficient vectors on each side of the middle one.
        normalisation: of the stream that this one goes on with; None for a new one. Used if
            the front end has a normalisation.
    """

    def __init__(
        self,
        front_end: FrontEnd,
        n_steps: int,
        n_context: int,
        normalisation: RunningNormalisation | None = None,
    ) -> None:
        self.front_end = front_end
        self.n_steps = n_steps
        self.n_context = n_context
        self._normalisation = normalisation
        if normalisation is None and front_end.normalisation is not None:
            self._normalisation = front_end.normalisation.new_stream()
        self._begin()

    def reset(self) -> None:
        """Begin a new stream."""
        if self._normalisation is not None:
            self._normalisation.reset()
        self._begin()

    def _begin(self) -> None:
        self._history: FloatArray = np.zeros(0, np.float32)
        # Blocks of samples that are not transformed yet, and their length.
        self._blocks: list[FloatArray] = []
        self._n_samples = 0
        zeros = np.zeros((self.n_context, self.front_end.n_coefficients), np.float32)
        self._vectors: list[FloatArray] = list(zeros)

    def feed(self, samples: FloatArray) -> list[Window]:
        """Take samples and return the windows that they complete.

        Args:
            samples: float32 (n,), full scale is 1, at the front end's rate; kept, not copied.
        """
        self._blocks.append(samples)
        self._n_samples += len(samples)
        if self._n_samples < self._missing_samples():
            return []
        self._transform_full_windows()
        return self._take_windows(flush=False)

    def finish(self) -> list[Window]:
        """End the stream and return the remaining windows, the last one short.

        An empty stream has no windows. Call `reset` before the next stream.
        """
        front = self.front_end
        self._transform_full_windows()
        if self._n_samples:
            rest = front.window_samples - self._n_samples
            self._blocks.append(np.zeros(rest, np.float32))
            self._n_samples = front.window_samples
            self._transform_full_windows()
        self._vectors.extend(np.zeros((self.n_context, front.n_coefficients), np.float32))
        return self._take_windows(flush=True)

    def _missing_samples(self) -> int:
        """How many samples the next window of the acoustic model needs that are not transformed."""
        n_vectors = self.n_steps + 2 * self.n_context - len(self._vectors)
        return (n_vectors - 1) * self.front_end.step_samples + self.front_end.window_samples

    def _transform_full_windows(self) -> None:
        front = self.front_end
        n = (self._n_samples - front.window_samples) // front.step_samples + 1
        if n < 1:
            return
        samples = np.concatenate(self._blocks)
        used = n * front.step_samples
        for vector in front.coefficients(samples, self._history):
            if self._normalisation is not None:
                vector = self._normalisation.normalise(vector)
            self._vectors.append(vector)
        if front.history_samples:
            self._history = samples[used - front.history_samples : used].copy()
        self._blocks = [samples[used:].copy()]
        self._n_samples -= used

    def _take_windows(self, flush: bool) -> list[Window]:
        width = 2 * self.n_context + 1
        windows: list[Window] = []
        while True:
            n = min(len(self._vectors) - width + 1, self.n_steps)
            if n < 1 or (n < self.n_steps and not flush):
                return windows
            vectors = np.stack(self._vectors[: n + width - 1])
            features = np.zeros((1, self.n_steps, width, self.front_end.n_coefficients), np.float32)
            steps = np.lib.stride_tricks.sliding_window_view(vectors, width, axis=0)
            features[0, :n] = steps.transpose(0, 2, 1)
            windows.append(Window(features, n))
            del self._vectors[:n]
