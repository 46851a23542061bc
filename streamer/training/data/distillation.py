"""Distillation targets: the vectors of Whisper's encoder for each 20 ms, in codebooks.

The encoder's step is that of our front end, so frame t of one corresponds to frame t of the
other. By predicting these vectors (their indices in codebooks, see
`streamer.training.data.codebooks`) from its hidden layers, the network learns what matters in
speech from a teacher that heard 680,000 hours of it. The teacher hears the recordings as they
are, the student also changed ones. It is used in training only; the resulting model contains
nothing of it.

The encoder's window is always 30 s, so clips are packed into it with a little silence between.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Callable, cast

import numpy as np
import numpy.typing as npt

from streamer.arrays import FloatArray
from streamer.errors import StreamerError
from streamer.training.data.cache import TEACHER, Cache, Entry
from streamer.training.data.codebooks import Codebooks, Indices

RATE_HZ = 16000
#: Samples in a step of the encoder and of our front end.
STEP = 320
#: Every third frame of a batch has a target: neighbours are nearly the same.
STRIDE = 3
#: Steps in the encoder's window of 30 s.
WINDOW_STEPS = 1500
#: Steps of silence between two clips in a window, so that they do not affect each other.
GAP_STEPS = 15
_N_FFT, _HOP, _N_MELS = 400, 160, 80
#: Windows that codebooks are made from, spread evenly over the data: half an hour.
_CODEBOOK_WINDOWS = 60
#: Root mean square of each clip: the clips of a window share its dynamic range.
_LEVEL = 0.06


def slaney_filters(n_mels: int = _N_MELS, n_fft: int = _N_FFT) -> FloatArray:
    """Return Slaney's mel filter bank for 16 kHz, float32 (n_mels, n_fft / 2 + 1).

    Linear below 1 kHz, logarithmic above, each triangle of area 1, as
    Whisper was trained with.
    """
    log_step = np.log(6.4) / 27.0

    def hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        above = 1000.0 * np.exp(log_step * (mel - 15.0))
        return np.where(mel >= 15.0, above, mel * 200.0 / 3.0)

    top = 15.0 + np.log(RATE_HZ / 2 / 1000.0) / log_step
    edges = hz(np.linspace(0.0, top, n_mels + 2))
    bins = np.linspace(0.0, RATE_HZ / 2, n_fft // 2 + 1)
    rising = (bins[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins[None]) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    area = 2.0 / (edges[2:] - edges[:-2])
    return (triangles * area[:, None]).astype(np.float32)


def log_mel(samples: FloatArray) -> FloatArray:
    """Return Whisper's input for 30 s of samples, a log mel spectrogram, float32 (80, 3000).

    Args:
        samples: float32 (480000,) at 16 kHz; full scale is 1.
    """
    padded = np.pad(samples, _N_FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _N_FFT)[::_HOP]
    frames = frames[: WINDOW_STEPS * STEP // _HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_N_FFT) / _N_FFT)
    power = np.abs(np.fft.rfft(frames * hann.astype(np.float32), axis=1)) ** 2
    mel = np.log10(np.maximum(slaney_filters() @ power.T.astype(np.float32), 1e-10))
    mel = np.maximum(mel, mel.max() - 8.0)
    return cast(FloatArray, ((mel + 4.0) / 4.0).astype(np.float32))


#: A piece of a clip: entry, first step in the clip, first step in the window, number of steps.
Piece = tuple[Entry, int, int, int]


def pack(entries: Iterable[Entry]) -> list[list[Piece]]:
    """Pack clips into windows of 30 s; longer clips are cut into pieces.

    First-fit decreasing: the longest clips first, each into the first open window with room.
    """
    open_windows: list[tuple[int, list[Piece]]] = []
    full: list[list[Piece]] = []
    for entry in sorted(entries, key=lambda e: -e.n_frames):
        start = 0
        while start < entry.n_frames:
            n = min(entry.n_frames - start, WINDOW_STEPS)
            for index, (used, pieces) in enumerate(open_windows):
                if used + n <= WINDOW_STEPS:
                    pieces.append((entry, start, used, n))
                    open_windows[index] = (used + n + GAP_STEPS, pieces)
                    break
            else:
                open_windows.append((n + GAP_STEPS, [(entry, start, 0, n)]))
            start += n
        while len(open_windows) > 200:
            full.append(open_windows.pop(0)[1])
    return full + [pieces for _, pieces in open_windows]


class WhisperTeacher:
    """Whisper's encoder through CTranslate2.

    Args:
        folder: a model in CTranslate2's format with 80 mel channels.
        threads: number of threads.

    Raises:
        StreamerError: ctranslate2 is not installed or the folder holds no model.
    """

    def __init__(self, folder: Path, threads: int = 2) -> None:
        try:
            import ctranslate2  # type: ignore[import-not-found,import-untyped,unused-ignore]
        except ImportError as error:
            raise StreamerError(
                "the teacher needs the package ctranslate2, which is not installed",
                "pip install ctranslate2, or train without --teacher",
            ) from error
        self._storage: Any = ctranslate2.StorageView
        try:
            self._model: Any = ctranslate2.models.Whisper(
                str(folder), device="cpu", compute_type="int8", intra_threads=threads
            )
        except (RuntimeError, ValueError) as error:
            raise StreamerError(
                f"{folder}: {error}", "name a Whisper model in CTranslate2's format"
            ) from error

    def encode(self, samples: FloatArray) -> FloatArray:
        """Return the encoder's vectors, float32 (1500, width).

        Args:
            samples: float32 (480000,), 30 s.
        """
        mel = np.ascontiguousarray(log_mel(samples)[None])
        encoded = self._model.encode(self._storage.from_array(mel), to_cpu=True)
        return cast(FloatArray, np.asarray(encoded, np.float32)[0])


def _window_samples(cache: Cache, pieces: list[Piece]) -> FloatArray:
    window = np.zeros(WINDOW_STEPS * STEP, np.float32)
    for entry, start, at, n in pieces:
        samples = cache.samples(entry)[start * STEP : (start + n) * STEP]
        level = float(np.sqrt(np.mean(samples**2))) if len(samples) else 0.0
        gain = _LEVEL / max(level, 1e-4)
        window[at * STEP : at * STEP + len(samples)] = samples * gain
    return cast(FloatArray, np.clip(window, -1.0, 1.0))


def create_codebooks(cache: Cache, teacher: WhisperTeacher) -> Codebooks:
    """Return codebooks for the teacher's vectors, made from a part of a cache."""
    windows = pack(cache.entries)
    heard: list[FloatArray] = []
    for pieces in windows[:: max(1, len(windows) // _CODEBOOK_WINDOWS)]:
        vectors = teacher.encode(_window_samples(cache, pieces))
        heard += [vectors[at : at + n] for _, _, at, n in pieces]
    return Codebooks.fit(np.concatenate(heard))


def write_targets(
    cache: Cache,
    teacher: WhisperTeacher,
    codebooks: Codebooks,
    progress: Callable[[Iterable[list[Piece]], int], Iterable[list[Piece]]] = lambda i, n: i,
) -> None:
    """Write `TEACHER` of a cache: the indices of the teacher's vector for each frame.

    Args:
        cache: the cache; its front end must have a step of 320 samples at 16 kHz.
        teacher: the encoder.
        codebooks: its codebooks.
        progress: wraps the iteration to show its progress.

    Raises:
        StreamerError: the front end has another step.
    """
    front = cache.front_end
    if (front["sample_rate_hz"], front["step_samples"]) != (RATE_HZ, STEP):
        raise StreamerError(
            "the teacher needs a front end with a step of 320 samples at 16 kHz",
            "train without --teacher",
        )
    windows = pack(cache.entries)
    targets: Indices = np.zeros((len(cache.features), codebooks.n_codebooks), np.uint8)
    for pieces in progress(windows, len(windows)):
        indices = codebooks.encode(teacher.encode(_window_samples(cache, pieces)))
        for entry, start, at, n in pieces:
            first = entry.first_frame + start
            targets[first : first + n] = indices[at : at + n]
    part = cache.where / f"{TEACHER}.part"
    part.write_bytes(targets.tobytes())
    part.rename(cache.where / TEACHER)
