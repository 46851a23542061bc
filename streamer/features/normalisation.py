"""Normalisation of coefficients by a running mean and deviation, for models trained with it.

Room, microphone and voice shift and scale the coefficients of a whole stream. Taking out their
mean and deviation takes out much of that ("cepstral mean and variance normalisation", Viikki and
Laurila, 1998). A stream has no end to wait for, so both are running estimates: at first the
training data's, then more and more the stream's own, older vectors fading out.
"""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from streamer.arrays import FloatArray
from streamer.errors import ModelError

#: A deviation below this share of the training data's is not believed: digital silence has none.
SMALLEST_SHARE = 0.3

_Moments = npt.NDArray[np.float64]


class RunningNormalisation:
    """Brings each coefficient of a stream to mean 0 and deviation 1.

    With x the vectors and d = 1 - 1 / window: N <- d N + 1, S <- d S + x, Q <- d Q + x * x,
    mean = S / N, variance = Q / N - mean * mean, begun as if ``prior_vectors`` vectors with the
    training data's mean and deviation had been seen. Everything is float64 and one vector at a
    time, so that the result does not depend on how a stream is cut.

    Args:
        mean: of each coefficient in the training data, (n_coefficients,).
        deviation: the same for the standard deviation, greater than 0.
        prior_vectors: how many vectors the training data's moments count for.
        window_vectors: after this many vectors one counts for 1/e of a new one.

    Raises:
        ModelError: lengths differ, or a number is out of range.
    """

    def __init__(
        self,
        mean: Sequence[float],
        deviation: Sequence[float],
        prior_vectors: float = 100.0,
        window_vectors: float = 500.0,
    ) -> None:
        self.mean = np.asarray(mean, np.float64)
        self.deviation = np.asarray(deviation, np.float64)
        self.prior_vectors = float(prior_vectors)
        self.window_vectors = float(window_vectors)
        moments = np.concatenate([self.mean.ravel(), self.deviation.ravel()])
        if self.mean.ndim != 1 or self.mean.shape != self.deviation.shape:
            raise _bad(f"{self.mean.shape} means and {self.deviation.shape} deviations")
        if not np.isfinite(moments).all() or self.deviation.min(initial=1.0) <= 0:
            raise _bad("means must be finite, deviations greater than 0")
        if not (0 < self.prior_vectors < 1e6 and 1 < self.window_vectors < 1e6):
            raise _bad("prior_vectors or window_vectors is out of range")
        self._decay = 1.0 - 1.0 / self.window_vectors
        self._smallest = SMALLEST_SHARE * self.deviation
        self.reset()

    def new_stream(self) -> RunningNormalisation:
        """Return the same normalisation for another stream."""
        return RunningNormalisation(
            self.mean.tolist(), self.deviation.tolist(), self.prior_vectors, self.window_vectors
        )

    def reset(self) -> None:
        """Begin a new stream: forget what was seen."""
        n, square = self.prior_vectors, self.deviation**2 + self.mean**2
        self._state: _Moments = np.stack([np.full_like(self.mean, n), n * self.mean, n * square])

    def normalise(self, vector: FloatArray) -> FloatArray:
        """Take the next vector of the stream and return it normalised.

        Args:
            vector: float32 (n_coefficients,).

        Returns:
            float32 (n_coefficients,).
        """
        x = vector.astype(np.float64)
        self._state = self._state * self._decay + np.stack([np.ones_like(x), x, x * x])
        return self._scaled(x, self._state)

    def normalise_all(self, vectors: FloatArray) -> FloatArray:
        """Return what `normalise` returns for each of many vectors, which it takes too.

        Args:
            vectors: float32 (n, n_coefficients).
        """
        from scipy.signal import lfilter

        x = vectors.astype(np.float64)
        seen = np.stack([np.ones_like(x), x, x * x], axis=1)
        states, _ = lfilter(
            [1.0], [1.0, -self._decay], seen, axis=0, zi=self._state[None] * self._decay
        )
        if len(x):
            self._state = states[-1]
        return self._scaled(x, states.transpose(1, 0, 2))

    def _scaled(self, x: _Moments, state: _Moments) -> FloatArray:
        mean = state[1] / state[0]
        variance = state[2] / state[0] - mean * mean
        deviation = np.maximum(np.sqrt(np.maximum(variance, 0.0)), self._smallest)
        return cast(FloatArray, ((x - mean) / deviation).astype(np.float32))

    def describe(self) -> dict[str, Any]:
        """Return the ``normalisation`` entry of ``model.json`` that makes this again."""
        return {
            "kind": "running",
            "mean": [float(value) for value in self.mean],
            "deviation": [float(value) for value in self.deviation],
            "prior_vectors": self.prior_vectors,
            "window_vectors": self.window_vectors,
        }


def _bad(what: str) -> ModelError:
    return ModelError(f"front end: normalisation: {what}", "fix the front_end entry of model.json")


def create_normalisation(description: Any) -> RunningNormalisation | None:
    """Make the normalisation that an entry of ``model.json`` describes; None for no entry.

    Raises:
        ModelError: its kind or an argument is unknown.
    """
    if description is None:
        return None
    arguments = dict(description) if isinstance(description, dict) else {}
    if arguments.pop("kind", None) != "running":
        raise _bad(f"{reprlib.repr(description)} is not known")
    try:
        return RunningNormalisation(**arguments)
    except (TypeError, ValueError) as error:
        raise _bad(str(error)) from error
