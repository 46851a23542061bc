"""Coefficients of whole clips at once, many times as fast as the engine's framer.

The framer looks at one window at a time in float64, so that its result does not depend on how a
stream is cut. Training does not need that: here all windows go through float32 matrix products
together, and the result differs by rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from scipy import fft

from streamer.arrays import FloatArray
from streamer.errors import StreamerError
from streamer.features import (
    DeepSpeechFrontEnd,
    PythonSpeechFeaturesFrontEnd,
    create_front_end,
)
from streamer.features.front_ends import FULL_SCALE

#: Windows that are transformed together: their spectra stay in the processor's cache.
_WINDOWS_AT_ONCE = 256
#: Replaces energies of 0, as in the front end.
_EPS = np.float32(np.finfo(float).eps)


class BatchedFrontEnd:
    """The features of `streamer.training.data.cache.clip_features`, to float32 rounding.

    Args:
        description: the ``front_end`` entry of ``model.json``.

    Raises:
        ModelError: there is no such front end.
        StreamerError: there is none of that kind here.
    """

    def __init__(self, description: Mapping[str, Any]) -> None:
        front = create_front_end(description)
        if not isinstance(front, (PythonSpeechFeaturesFrontEnd, DeepSpeechFrontEnd)):
            raise StreamerError(
                f"front end {description['kind']}: no batched form", "train with another"
            )
        self._front = front
        self._taper = front.taper.astype(np.float32)
        self._filters = front.filters.T.astype(np.float32)
        self._dct = front.dct.T.astype(np.float32)

    def __call__(self, samples: FloatArray) -> FloatArray:
        """Return all vectors of a clip, the last, zero-filled window included.

        Args:
            samples: float32 (n,), full scale is 1.

        Returns:
            float32 (n_frames, n_coefficients).
        """
        front = self._front
        size, step = front.window_samples, front.step_samples
        full = max(0, (len(samples) - size) // step + 1)
        n = full + int(len(samples) > full * step)
        result = np.empty((n, front.n_coefficients), np.float32)
        if not n:
            return result
        padded = np.zeros((n - 1) * step + size, np.float32)
        used = min(len(samples), len(padded))
        padded[:used] = samples[:used]
        if isinstance(front, PythonSpeechFeaturesFrontEnd):
            padded *= np.float32(FULL_SCALE)
            padded[1:] -= np.float32(front.pre_emphasis) * padded[:-1]
            transform = self._cepstra_of_power
        else:
            transform = self._cepstra_of_magnitude
        windows = np.lib.stride_tricks.sliding_window_view(padded, size)[::step]
        for start in range(0, n, _WINDOWS_AT_ONCE):
            some = windows[start : start + _WINDOWS_AT_ONCE] * self._taper
            spectra = fft.rfft(some, front.n_fft)
            result[start : start + len(some)] = transform(spectra)
        return result

    def _cepstra_of_power(self, spectra: Any) -> FloatArray:
        """See `PythonSpeechFeaturesFrontEnd.coefficients`."""
        front = cast(PythonSpeechFeaturesFrontEnd, self._front)
        power = (spectra.real**2 + spectra.imag**2) / np.float32(front.n_fft)
        energies = power @ self._filters
        result = np.log(np.where(energies == 0, _EPS, energies)) @ self._dct
        if front.append_energy:
            total = power.sum(axis=1)
            result[:, 0] = np.log(np.where(total > 0, total, _EPS))
        return cast(FloatArray, result)

    def _cepstra_of_magnitude(self, spectra: Any) -> FloatArray:
        """See `DeepSpeechFrontEnd.coefficients`."""
        floor = np.float32(DeepSpeechFrontEnd.FLOOR)
        return cast(
            FloatArray, np.log(np.maximum(np.abs(spectra) @ self._filters, floor)) @ self._dct
        )
