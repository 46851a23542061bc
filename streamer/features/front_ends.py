"""The two front ends of the DeepSpeech family: from samples to coefficients.

Windows are transformed several at a time, which costs a third of one at a time. The result
does not depend on how many: products with the tables take one window each, since products of
matrices with several rows round differently from products with one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, ClassVar, Protocol, cast

import numpy as np
import numpy.typing as npt

from streamer.arrays import FloatArray
from streamer.errors import ModelError
from streamer.features.mel_tables import mel_tables
from streamer.features.normalisation import RunningNormalisation, create_normalisation

_Doubles = npt.NDArray[np.float64]

#: Full scale of 16-bit samples; front ends take samples in [-1, 1).
FULL_SCALE = 32768.0


class FrontEnd(Protocol):
    """Turns windows of samples into vectors of coefficients."""

    #: Samples per second.
    sample_rate_hz: int
    #: Samples in a window.
    window_samples: int
    #: Samples from the start of one window to the start of the next.
    step_samples: int
    #: Samples before a window that its coefficients also depend on.
    history_samples: int
    #: Length of the coefficient vector.
    n_coefficients: int
    #: What the framer normalises coefficients with, for models trained so; as of a new stream.
    normalisation: RunningNormalisation | None

    def coefficients(self, samples: FloatArray, history: FloatArray) -> FloatArray:
        """Return the coefficients of all windows that fit into samples, not normalised.

        Args:
            samples: float32 (n,), n >= window_samples, full scale is 1.
            history: float32 (history_samples,), the samples just before them;
                empty at the start of a stream.

        Returns:
            float32 (n_windows, n_coefficients).
        """
        ...

    def describe(self) -> dict[str, Any]:
        """Return the ``front_end`` entry of ``model.json`` for this front end."""
        ...


class DeepSpeechFrontEnd:
    """The features of DeepSpeech 0.4 to 0.9 and Coqui STT.

    TensorFlow's ``AudioSpectrogram`` and ``Mfcc`` operations: periodic Hann
    window, magnitude spectrum, 40 triangular filters that are linear in mel
    (1127 ln(1 + f / 700)) and not normalised, natural logarithm, DCT-II scaled
    by sqrt(2 / filters) on every coefficient, the zeroth included. No
    pre-emphasis, dither, lifter or energy.

    Args:
        sample_rate_hz: samples per second.
        window_samples: samples in a window; also the length of the FFT.
        step_samples: samples between the starts of two windows.
        n_coefficients: number of cepstral coefficients.
        n_filters: number of mel filters.
        low_hz: lower edge of the first filter.
        high_hz: upper edge of the last filter; None for half the sample rate.
    """

    #: Minimum of a filter's output before the logarithm.
    FLOOR = 1e-12
    history_samples = 0
    normalisation: RunningNormalisation | None = None

    def __init__(
        self,
        sample_rate_hz: int = 16000,
        window_samples: int = 512,
        step_samples: int = 320,
        n_coefficients: int = 26,
        n_filters: int = 40,
        low_hz: float = 20.0,
        high_hz: float | None = None,
    ) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.window_samples = window_samples
        self.step_samples = step_samples
        self.n_coefficients = n_coefficients
        self.n_filters = n_filters
        self.low_hz = low_hz
        self.high_hz = sample_rate_hz / 2 if high_hz is None else high_hz
        self.n_fft = 1 << (window_samples - 1).bit_length()
        phase = 2 * np.pi * np.arange(window_samples) / window_samples
        self.taper = 0.5 - 0.5 * np.cos(phase)
        self.filters = self._triangles()
        index = np.arange(n_coefficients)[:, None] * (np.arange(n_filters)[None, :] + 0.5)
        self.dct = np.sqrt(2.0 / n_filters) * np.cos(np.pi / n_filters * index)

    def _triangles(self) -> npt.NDArray[np.float64]:
        """Return the filter bank, float64 (n_filters, n_fft / 2 + 1)."""

        def mel(hz: Any) -> Any:
            return 1127.0 * np.log1p(hz / 700.0)

        n_bins = self.n_fft // 2 + 1
        low, high = mel(self.low_hz), mel(self.high_hz)
        spacing = (high - low) / (self.n_filters + 1)
        centres = low + spacing * np.arange(1, self.n_filters + 2)
        hz_per_bin = self.sample_rate_hz / self.n_fft
        start = int(1.5 + self.low_hz / hz_per_bin)
        end = int(self.high_hz / hz_per_bin)
        filters = np.zeros((self.n_filters, n_bins))
        for k in range(start, min(end, n_bins - 1) + 1):
            m = float(mel(k * hz_per_bin))
            channel = int(np.searchsorted(centres, m, side="left")) - 1
            below = low if channel < 0 else float(centres[channel])
            above = float(centres[min(channel + 1, self.n_filters)])
            weight = (above - m) / (above - below)
            if channel >= 0:
                filters[channel, k] += weight
            if channel + 1 < self.n_filters:
                filters[channel + 1, k] += 1.0 - weight
        return filters

    def coefficients(self, samples: FloatArray, history: FloatArray) -> FloatArray:
        """See `FrontEnd.coefficients`."""
        windows = _windows(samples.astype(np.float64), self.window_samples, self.step_samples)
        magnitudes = np.abs(np.fft.rfft(windows * self.taper, self.n_fft))
        energies = np.log(np.maximum(_products(self.filters, magnitudes), self.FLOOR))
        return _products(self.dct, energies).astype(np.float32)

    def describe(self) -> dict[str, Any]:
        """See `FrontEnd.describe`."""
        return {
            "kind": "deepspeech",
            "sample_rate_hz": self.sample_rate_hz,
            "window_samples": self.window_samples,
            "step_samples": self.step_samples,
            "n_coefficients": self.n_coefficients,
            "n_filters": self.n_filters,
            "low_hz": self.low_hz,
            "high_hz": self.high_hz,
            **_described(self.normalisation),
        }


class PythonSpeechFeaturesFrontEnd:
    """``python_speech_features.mfcc``, one window at a time.

    The package's own functions (``get_filterbanks``, ``lifter``) compute the
    tables, see `mel_tables`; the results equal those of ``mfcc`` for a whole signal, to float
    rounding. DeepSpeech 0.1 to 0.3 were trained on these features of 16-bit
    samples, with a Hamming window.

    Args:
        sample_rate_hz: samples per second.
        window_samples: samples in a window.
        step_samples: samples between the starts of two windows.
        n_coefficients: number of cepstral coefficients.
        n_filters: number of mel filters.
        n_fft: length of the FFT, at least ``window_samples``.
        low_hz: lower edge of the first filter.
        high_hz: upper edge of the last filter; None for half the sample rate.
        pre_emphasis: coefficient of the first difference.
        lifter: liftering parameter; 0 for none.
        append_energy: whether the log energy of the frame replaces c0.
        window: ``hamming``, ``hann`` or ``rectangular``.
    """

    WINDOWS: ClassVar[dict[str, Callable[[int], Any]]] = {
        "hamming": np.hamming,
        "hann": np.hanning,
        "rectangular": np.ones,
    }
    history_samples = 1
    normalisation: RunningNormalisation | None = None

    def __init__(
        self,
        sample_rate_hz: int = 16000,
        window_samples: int = 512,
        step_samples: int = 320,
        n_coefficients: int = 26,
        n_filters: int = 26,
        n_fft: int = 512,
        low_hz: float = 0.0,
        high_hz: float | None = None,
        pre_emphasis: float = 0.97,
        lifter: int = 22,
        append_energy: bool = True,
        window: str = "hamming",
    ) -> None:
        if window not in self.WINDOWS:
            raise ModelError(
                f"front end: there is no window {window!r}",
                f"use one of {', '.join(sorted(self.WINDOWS))} in model.json",
            )
        self.sample_rate_hz = sample_rate_hz
        self.window_samples = window_samples
        self.step_samples = step_samples
        self.n_coefficients = n_coefficients
        self.n_filters = n_filters
        self.n_fft = n_fft
        self.low_hz = low_hz
        self.high_hz = sample_rate_hz / 2 if high_hz is None else high_hz
        self.pre_emphasis = float(pre_emphasis)
        self.lifter = lifter
        self.append_energy = append_energy
        self.window = window
        self.taper = self.WINDOWS[window](window_samples)
        if not 0 <= self.low_hz <= self.high_hz <= sample_rate_hz / 2:
            raise ValueError("low_hz and high_hz are not within half the sample rate")
        tables = mel_tables(
            n_filters, n_fft, sample_rate_hz, self.low_hz, self.high_hz, n_coefficients, lifter
        )
        self.filters = tables.filters
        # scipy's dct(type=2, norm="ortho"), which the package calls, as a matrix.
        k = np.arange(n_coefficients)[:, None]
        n = np.arange(n_filters)[None, :]
        dct = np.sqrt(2.0 / n_filters) * np.cos(np.pi * k * (n + 0.5) / n_filters)
        dct[0] /= np.sqrt(2.0)
        # The lifter multiplies each coefficient by a constant: fold it in.
        self.dct = dct * tables.lifter[:, None]

    def coefficients(self, samples: FloatArray, history: FloatArray) -> FloatArray:
        """See `FrontEnd.coefficients`."""
        scaled = samples.astype(np.float64) * FULL_SCALE
        # As sigproc.preemphasis, which leaves the first sample of a signal as it is.
        emphasised = scaled.copy()
        emphasised[1:] -= self.pre_emphasis * scaled[:-1]
        if len(history):
            emphasised[0] -= self.pre_emphasis * (float(history[-1]) * FULL_SCALE)
        windows = _windows(emphasised, self.window_samples, self.step_samples)
        spectra = np.fft.rfft(windows * self.taper, self.n_fft)
        powers = (spectra.real**2 + spectra.imag**2) / self.n_fft
        eps = np.finfo(float).eps
        energies = _products(self.filters, powers)
        result = _products(self.dct, np.log(np.where(energies == 0, eps, energies)))
        if self.append_energy:
            totals = powers.sum(axis=1)
            result[:, 0] = np.log(np.where(totals > 0, totals, eps))
        return result.astype(np.float32)

    def describe(self) -> dict[str, Any]:
        """See `FrontEnd.describe`."""
        return {
            "kind": "python_speech_features",
            "sample_rate_hz": self.sample_rate_hz,
            "window_samples": self.window_samples,
            "step_samples": self.step_samples,
            "n_coefficients": self.n_coefficients,
            "n_filters": self.n_filters,
            "n_fft": self.n_fft,
            "low_hz": self.low_hz,
            "high_hz": self.high_hz,
            "pre_emphasis": self.pre_emphasis,
            "lifter": self.lifter,
            "append_energy": self.append_energy,
            "window": self.window,
            **_described(self.normalisation),
        }


def _windows(samples: _Doubles, width: int, step: int) -> _Doubles:
    """Return a view of the overlapping windows of samples, (n_windows, width)."""
    return np.lib.stride_tricks.sliding_window_view(samples, width)[::step]


def _products(matrix: _Doubles, rows: _Doubles) -> _Doubles:
    """Multiply a matrix with rows, one by one; float64 (n_rows, len(matrix))."""
    return cast(_Doubles, np.matmul(matrix, rows[:, :, None])[:, :, 0])


def _described(normalisation: RunningNormalisation | None) -> dict[str, Any]:
    return {} if normalisation is None else {"normalisation": normalisation.describe()}


_KINDS: dict[str, Any] = {
    "deepspeech": DeepSpeechFrontEnd,
    "python_speech_features": PythonSpeechFeaturesFrontEnd,
}


def create_front_end(description: Mapping[str, Any]) -> FrontEnd:
    """Return the front end for a ``front_end`` entry of ``model.json``.

    Args:
        description: ``{"kind": ..., other arguments of the class}``.

    Raises:
        ModelError: the kind or an argument is unknown.
    """
    arguments = dict(description)
    normalisation = create_normalisation(arguments.pop("normalisation", None))
    kind = arguments.pop("kind", None)
    if kind not in _KINDS:
        raise ModelError(
            f"there is no front end {kind!r}", f"use one of {', '.join(sorted(_KINDS))}"
        )
    try:
        front_end = cast(FrontEnd, _KINDS[kind](**arguments))
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"front end {kind}: {error}", "fix the front_end entry of model.json"
        ) from error
    if normalisation is not None and len(normalisation.mean) != front_end.n_coefficients:
        raise ModelError(
            f"front end: normalisation of {len(normalisation.mean)} coefficients, "
            f"there are {front_end.n_coefficients}",
            "fix the front_end entry of model.json",
        )
    front_end.normalisation = normalisation
    return front_end
