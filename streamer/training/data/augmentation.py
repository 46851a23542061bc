"""Augmentation of coefficients, drawn anew in every epoch.

Cepstral coefficients are transformed back to log filter energies by the inverse cosine
transform, changed there, and transformed forward again. Only the *difference* is added to the
original coefficients: without a change they stay exactly as the front end made them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from scipy import signal

from streamer.arrays import FloatArray
from streamer.training.settings import AugmentationSettings

#: Share of a clip's frames, the quietest ones, that count as its silence.
_QUIET_SHARE = 0.1


class Cepstrum:
    """Transforms coefficients to log filter energies and back.

    Args:
        front_end: the ``front_end`` entry of ``model.json``.
    """

    def __init__(self, front_end: Mapping[str, Any]) -> None:
        size = int(front_end["n_coefficients"])
        n_filters = int(front_end["n_filters"])
        k = np.arange(size)[:, None]
        phase = np.pi / n_filters * k * (np.arange(n_filters)[None] + 0.5)
        matrix = np.sqrt(2.0 / n_filters) * np.cos(phase)
        self.energy_first = False
        #: Exponent of power in the filter energies: 1 for power, 0.5 for magnitude.
        self.power = 1.0
        if front_end["kind"] == "python_speech_features":
            matrix[0] /= np.sqrt(2.0)
            lifter = float(front_end["lifter"])
            if lifter > 0:
                matrix *= 1 + (lifter / 2) * np.sin(np.pi * k / lifter)
            self.energy_first = bool(front_end["append_energy"])
        else:
            self.power = 0.5
        self._matrix = matrix.astype(np.float32)
        inverse = np.linalg.pinv(matrix)
        self._inverse = inverse.astype(np.float32)

    def energies(self, vectors: FloatArray) -> FloatArray:
        """Return log filter energies, float32 (n, n_filters)."""
        if not self.energy_first:
            return cast(FloatArray, vectors @ self._inverse.T)
        shape = vectors[:, 1:] @ self._inverse.T[1:]
        # c0 is the log of the total energy: shift the filters so that they add up to it.
        return cast(FloatArray, shape + (vectors[:, :1] - _log_sum(shape)))

    def vectors(self, energies: FloatArray) -> FloatArray:
        """Return coefficients of log filter energies, float32 (n, n_coefficients)."""
        result = energies @ self._matrix.T
        if self.energy_first:
            result[:, :1] = _log_sum(energies)
        return cast(FloatArray, result)


def _log_sum(x: FloatArray) -> FloatArray:
    top = x.max(axis=1, keepdims=True)
    return cast(FloatArray, top + np.log(np.exp(x - top).sum(axis=1, keepdims=True)))


class FeatureAugmentation:
    """Augments the coefficients of one clip.

    Args:
        front_end: the ``front_end`` entry of ``model.json``.
        settings: bounds of the changes.
    """

    def __init__(self, front_end: Mapping[str, Any], settings: AugmentationSettings) -> None:
        self.settings = settings
        self._front_end = front_end
        self._cepstrum = Cepstrum(front_end)

    @cached_property
    def light(self) -> FeatureAugmentation:
        """The same without what `WaveformAugmentation` does better: tempo, level, noise, tail."""
        rest = replace(self.settings, stretch=0.0, gain_db=0.0, noise=0.0, reverberation=0.0)
        return FeatureAugmentation(self._front_end, rest)

    def __call__(
        self, vectors: FloatArray, strength: float, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        """Return augmented coefficients, and the position of each frame in the original.

        Args:
            vectors: float32 (n, n_coefficients).
            strength: 0 (no change) to 1; scales bounds and probabilities.
            rng: random generator.

        Returns:
            float32 (m, n_coefficients), and float32 (m,) positions in 0 .. n - 1.
        """
        (changed,), position = self.views(vectors, strength, rng, 1)
        return changed, position

    def views(
        self, vectors: FloatArray, strength: float, rng: np.random.Generator, count: int
    ) -> tuple[list[FloatArray], FloatArray]:
        """Return several views of one change: they differ only in what is masked.

        Args:
            vectors: float32 (n, n_coefficients).
            strength: as above.
            rng: random generator.
            count: number of views.

        Returns:
            ``count`` arrays, float32 (m, n_coefficients), and float32 (m,) positions.
        """
        bounds = self.settings
        position = np.arange(len(vectors), dtype=np.float32)
        if strength <= 0:
            return [vectors] * count, position
        before = self._cepstrum.energies(vectors)
        # Interpolated frames are slightly blurred: not in every clip while strength is low.
        stretch = bounds.stretch if rng.random() < strength else 0.0
        factor = 1 + stretch * rng.uniform(-1, 1)
        position = self._stretched(before, position, factor, strength, rng)
        vectors, before = interpolated(vectors, position), interpolated(before, position)
        after = self._warp(before, strength, rng)
        after = after + self._colour(after.shape[1], strength, rng)
        if rng.random() < bounds.reverberation * strength:
            after = self._reverberate(after, rng)
        if rng.random() < bounds.noise * strength:
            after = self._noise(after, rng)
        unchanged = self._cepstrum.vectors(before)
        masked = [self._mask(after, strength, rng) for _ in range(count)]
        return [vectors + (self._cepstrum.vectors(view) - unchanged) for view in masked], position

    def _stretched(
        self,
        energies: FloatArray,
        position: FloatArray,
        factor: float,
        strength: float,
        rng: np.random.Generator,
    ) -> FloatArray:
        n = len(position)
        stretched = np.linspace(0, n - 1, max(2, round(n * factor)), dtype=np.float32)
        loudness = energies.max(axis=1)
        quiet = np.flatnonzero(loudness <= np.quantile(loudness, _QUIET_SHARE))
        most = round(self.settings.padding_steps * strength)
        ends = [rng.choice(quiet, rng.integers(0, most + 1)).astype(np.float32) for _ in range(2)]
        return cast(FloatArray, np.concatenate([ends[0], stretched, ends[1]]))

    def _warp(self, energies: FloatArray, strength: float, rng: np.random.Generator) -> FloatArray:
        n = energies.shape[1]
        factor = 1 + self.settings.warp * strength * rng.uniform(-1, 1)
        # Filters below three quarters move in proportion; above, they are compressed or stretched.
        knots = np.array([0.0, 0.75 * (n - 1), n - 1.0])
        moved = np.array([0.0, min(0.75 * (n - 1) * factor, n - 1.5), n - 1.0])
        source = np.interp(np.arange(n), knots, moved).astype(np.float32)
        return cast(FloatArray, interpolated(energies.T, source).T)

    def _colour(self, n_filters: int, strength: float, rng: np.random.Generator) -> FloatArray:
        decibel = np.log(10.0) / 10.0 * self._cepstrum.power
        x = np.linspace(0, 1, n_filters)
        gain = self.settings.gain_db * rng.uniform(-1, 1)
        waves = sum(rng.uniform(-1, 1) * np.cos(np.pi * k * x) / k for k in (1, 2, 3))
        curve = (gain + self.settings.tilt_db * waves) * strength * decibel
        return cast(FloatArray, curve.astype(np.float32))

    @staticmethod
    def _reverberate(energies: FloatArray, rng: np.random.Generator) -> FloatArray:
        power = np.exp(np.minimum(energies, 60.0))
        # 60 dB in 0.2 to 0.7 s, at 50 steps a second.
        decay = np.float32(10 ** (-6 / (rng.uniform(0.2, 0.7) * 50)))
        level = np.float32(rng.uniform(0.05, 0.3))
        # tail[t] = decay (tail[t - 1] + power[t - 1])
        tail = signal.lfilter([0.0, decay], [1.0, -decay], power, axis=0)
        result = (power + level * tail).astype(np.float32)
        return cast(FloatArray, np.log(np.maximum(result, 1e-12)))

    def _noise(self, energies: FloatArray, rng: np.random.Generator) -> FloatArray:
        n, n_filters = energies.shape
        decibel = np.log(10.0) / 10.0 * self._cepstrum.power
        snr = rng.uniform(*self.settings.noise_snr_db)
        x = np.linspace(0, 1, n_filters)
        curve = rng.uniform(-8, 8) * x
        curve = curve + sum(rng.uniform(-4, 4) * np.cos(np.pi * k * x) for k in (1, 2, 3, 4))
        speech = np.quantile(energies.max(axis=1), 0.9)
        spectrum = speech - snr * decibel + (curve - curve.max()) * decibel
        # A filter sums only a few bins of noise, so its power fluctuates by some decibels.
        flicker = np.log(rng.gamma(4.0, 0.25, (n, n_filters))) * self._cepstrum.power
        knots = np.arange(0, n + 50, 50)
        swell = np.interp(np.arange(n), knots, rng.normal(0, 3 * decibel, len(knots)))
        noise = spectrum[None] + flicker + swell[:, None]
        return cast(FloatArray, np.logaddexp(energies, noise.astype(np.float32)))

    def _mask(
        self,
        energies: FloatArray,
        strength: float,
        rng: np.random.Generator,
    ) -> FloatArray:
        bounds = self.settings
        n, n_filters = energies.shape
        mean = energies.mean(axis=0)
        masked = energies.copy()
        for _ in range(round(bounds.time_masks * strength * n / 250 + rng.uniform(-0.5, 0.5))):
            width = min(int(rng.integers(1, bounds.time_mask_steps + 1)), n // 4)
            start = int(rng.integers(0, n - width + 1))
            masked[start : start + width] = mean
        for _ in range(round(bounds.frequency_masks * strength + rng.uniform(-0.5, 0.5))):
            width = int(rng.integers(1, bounds.frequency_mask_filters + 1))
            low = int(rng.integers(0, n_filters - width + 1))
            masked[:, low : low + width] = mean[low : low + width]
        return cast(FloatArray, masked)


def interpolated(rows: FloatArray, position: FloatArray) -> FloatArray:
    """Return rows at fractional positions by linear interpolation."""
    low = np.clip(np.floor(position).astype(np.int64), 0, len(rows) - 1)
    high = np.minimum(low + 1, len(rows) - 1)
    share = (position - low)[:, None].astype(np.float32)
    return cast(FloatArray, rows[low] * (1 - share) + rows[high] * share)
