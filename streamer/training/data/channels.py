"""What lies between a voice and the computer: bands, codecs, coarse samples, clipping."""

from __future__ import annotations

import io
from typing import cast

import numpy as np
import soundfile
import soxr
from scipy import fft

from streamer.arrays import FloatArray

#: Formats of libsndfile and the rates they are used at; None for the rate of the samples.
CODECS: dict[str, tuple[str, str, int | None]] = {
    "mu-law": ("WAV", "ULAW", 8000),
    "a-law": ("WAV", "ALAW", 8000),
    "gsm": ("WAV", "GSM610", 8000),
    "adpcm": ("WAV", "IMA_ADPCM", 8000),
    "vorbis": ("OGG", "VORBIS", None),
    "opus": ("OGG", "OPUS", None),
}
#: How often each is drawn; Opus costs ten times as much as the next.
_CODEC_SHARES = (0.25, 0.1, 0.2, 0.1, 0.15, 0.2)
#: libsndfile's compression levels of Opus that are about 6 and 16 kbit/s for one channel at 16 kHz.
_OPUS_LEVELS = (0.965, 1.0)


def limit_band(
    samples: FloatArray, rate_hz: int, low_hz: float, high_hz: float, width_hz: float = 100.0
) -> FloatArray:
    """Return samples without what is below ``low_hz`` and above ``high_hz``.

    Args:
        samples: float32 (n,).
        rate_hz: samples a second.
        low_hz: lower edge, where half the amplitude is left; 0 for none.
        high_hz: upper edge.
        width_hz: over which the amplitude falls from all to nothing.
    """
    n = fft.next_fast_len(len(samples) + rate_hz // 20, real=True)
    frequency = np.arange(n // 2 + 1, dtype=np.float32) * np.float32(rate_hz / n)
    gain = _rise((high_hz - frequency) / width_hz)
    if low_hz > 0:
        gain = gain * _rise((frequency - low_hz) / min(width_hz, 2 * low_hz))
    return cast(FloatArray, fft.irfft(fft.rfft(samples, n) * gain, n)[: len(samples)])


def _rise(x: FloatArray) -> FloatArray:
    """Return 0 below -1/2, 1 above 1/2, half a period of a sine between."""
    return cast(FloatArray, (0.5 + 0.5 * np.sin(np.pi * np.clip(x, -0.5, 0.5))).astype(np.float32))


def draw_band(random: np.random.Generator) -> tuple[float, float, float]:
    """Draw lower edge, upper edge and width of a band in Hz.

    A telephone with and without its lower edge, 11 kHz, AM radio with soft edges, or anything.
    """
    kind = int(random.integers(5))
    if kind == 0:
        return float(random.uniform(150, 350)), float(random.uniform(3300, 3500)), 200.0
    if kind == 1:
        return 0.0, float(random.uniform(3500, 4000)), 150.0
    if kind == 2:
        return 0.0, float(random.uniform(5000, 5500)), 200.0
    if kind == 3:
        return float(random.uniform(80, 300)), float(random.uniform(2800, 5000)), 2500.0
    return float(random.uniform(0, 350)), float(random.uniform(3000, 7500)), 400.0


def through_codec(
    samples: FloatArray, rate_hz: int, name: str, random: np.random.Generator
) -> FloatArray:
    """Return samples after a lossy codec, as many as before.

    Args:
        samples: float32 (n,), full scale is 1.
        rate_hz: samples a second.
        name: of `CODECS`.
        random: draws the quality where the codec has one.
    """
    container, subtype, wanted = CODECS[name]
    rate = wanted or rate_hz
    narrow = soxr.resample(samples, rate_hz, rate) if rate != rate_hz else samples
    file = io.BytesIO()
    quality = {}
    if name == "opus":
        quality = {"compression_level": float(random.uniform(*_OPUS_LEVELS))}
    elif name == "vorbis":
        quality = {"compression_level": float(random.uniform(0.7, 1.0))}
    soundfile.write(
        file, np.clip(narrow, -1, 1), rate, format=container, subtype=subtype, **quality
    )
    file.seek(0)
    decoded, _ = soundfile.read(file, dtype="float32")
    wide = soxr.resample(decoded, rate, rate_hz) if rate != rate_hz else decoded
    result = np.zeros(len(samples), np.float32)
    n = min(len(samples), len(wide))
    result[:n] = wide[:n]
    return result


def draw_codec(random: np.random.Generator) -> str:
    """Draw the name of a codec."""
    return list(CODECS)[int(random.choice(len(CODECS), p=_CODEC_SHARES))]


def eight_bits(samples: FloatArray, peak: float) -> FloatArray:
    """Return samples rounded to 8 bits, at the loudness they came in.

    Args:
        samples: float32 (n,).
        peak: how much of the 8 bits the loudest sample uses, 1 for all.
    """
    loudest = float(np.max(np.abs(samples), initial=0.0))
    if loudest == 0:
        return samples
    step = np.float32(loudest / (128 * peak))
    return cast(FloatArray, np.rint(samples / step) * step)


def clip_peaks(samples: FloatArray, share: float) -> FloatArray:
    """Return samples cut off at ``share`` of their peak."""
    limit = share * float(np.max(np.abs(samples), initial=0.0))
    return np.clip(samples, -limit, limit)
