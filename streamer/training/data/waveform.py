"""Changes to samples: what `streamer train --copies` makes further copies of the speech with.

Changes to coefficients (`streamer.training.data.augmentation`) are nearly free and
drawn anew in every epoch. What they cannot imitate well is done here, once,
before the training: rooms, clipping, codecs, narrow bands, another tempo and
pitch of the signal itself.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import cast

import numpy as np
import soundfile
import soxr
from scipy import signal

from streamer.arrays import FloatArray

#: Metres that sound travels in a second.
SPEED_OF_SOUND = 343.0


@dataclass(frozen=True)
class WaveformSettings:
    """How likely each change is, and how far it goes.

    Attributes:
        speed: tempo and pitch together, lowest and highest factor.
        room: probability of a simulated room.
        noise: probability of added noise.
        noise_snr_db: lowest and highest ratio of speech to noise.
        clipping: probability of clipping.
        band: probability of a narrower band, as telephones have.
        codec: probability of a lossy codec.
        peak: lowest and highest peak of what comes out, full scale is 1.
    """

    speed: tuple[float, float] = (0.88, 1.14)
    room: float = 0.5
    noise: float = 0.5
    noise_snr_db: tuple[float, float] = (5.0, 30.0)
    clipping: float = 0.1
    band: float = 0.2
    codec: float = 0.2
    peak: tuple[float, float] = (0.05, 0.95)


class WaveformAugmentation:
    """Changes the samples of one clip; can be sent to another process.

    Args:
        rate_hz: samples a second.
        settings: see `WaveformSettings`; its defaults if None.
    """

    def __init__(self, rate_hz: int, settings: WaveformSettings | None = None) -> None:
        self.rate_hz = rate_hz
        self.settings = settings or WaveformSettings()

    def __call__(self, samples: FloatArray, random: np.random.Generator) -> FloatArray:
        """Return changed samples, float32 (m,), within full scale.

        Args:
            samples: float32 (n,), full scale is 1.
            random: where the dice come from.
        """
        chance = self.settings
        samples = change_speed(samples, float(random.uniform(*chance.speed)))
        if random.random() < chance.room:
            samples = in_room(samples, simulated_room(self.rate_hz, random))
        if random.random() < chance.noise:
            snr_db = float(random.uniform(*chance.noise_snr_db))
            samples = add_noise(samples, coloured_noise(len(samples), random), snr_db)
        if random.random() < chance.clipping:
            samples = clip_peaks(samples, float(random.uniform(0.2, 0.7)))
        if random.random() < chance.band:
            samples = limit_band(samples, self.rate_hz, random)
        if random.random() < chance.codec:
            samples = through_codec(samples, self.rate_hz, random)
        return set_peak(samples, float(random.uniform(*chance.peak)))


def change_speed(samples: FloatArray, factor: float) -> FloatArray:
    """Return samples played ``factor`` times as fast: tempo, pitch and formants move together."""
    return cast(FloatArray, soxr.resample(samples, factor, 1.0, quality="MQ").astype(np.float32))


def simulated_room(rate_hz: int, random: np.random.Generator) -> FloatArray:
    """Return the impulse response of a box-shaped room, by image sources.

    Walls of equal, frequency-independent reflection; the sources' mirror
    images up to the second order come exactly, later ones as noise that decays
    at the room's own rate (Sabine).

    Returns:
        float32 (n,), the direct sound first, its height 1.
    """
    size = random.uniform((3.0, 2.5, 2.3), (9.0, 7.0, 3.5))
    speaker = random.uniform(0.2, 0.8, 3) * size
    microphone = random.uniform(0.2, 0.8, 3) * size
    absorption = float(random.uniform(0.1, 0.6))
    reflection = np.sqrt(1 - absorption)
    volume = float(np.prod(size))
    surface = 2 * float(size[0] * size[1] + size[0] * size[2] + size[1] * size[2])
    decay_s = min(0.9, 0.161 * volume / (surface * absorption))
    direct = max(0.3, float(np.linalg.norm(speaker - microphone)))
    response = np.zeros(int(rate_hz * decay_s) + 1)
    last_image = 0
    steps = np.arange(-2, 3)
    for x in steps:
        for y in steps:
            for z in steps:
                order = abs(x) + abs(y) + abs(z)
                if order > 2:
                    continue
                mirror = np.array([x, y, z])
                image = np.where(mirror % 2 == 0, speaker, size - speaker) + mirror * size
                distance = max(0.3, float(np.linalg.norm(image - microphone)))
                delay = round((distance - direct) / SPEED_OF_SOUND * rate_hz)
                if 0 <= delay < len(response):
                    response[delay] += reflection**order * direct / distance
                    last_image = max(last_image, delay)
    time = np.arange(len(response)) / rate_hz
    tail = random.normal(0, 1, len(response)) * 10 ** (-3 * time / decay_s)
    start = last_image // 2
    level = reflection**2 * direct / float(np.cbrt(volume)) * 0.1
    response[start:] += level * tail[start:]
    return cast(FloatArray, (response / response[0]).astype(np.float32))


def in_room(samples: FloatArray, response: FloatArray) -> FloatArray:
    """Return samples as heard in a room; as many as came in, at the same energy."""
    wet = signal.fftconvolve(samples, response)[: len(samples)]
    before, after = float(np.sum(samples**2)), float(np.sum(wet**2))
    factor = np.sqrt(before / after) if after > 0 else 1.0
    return cast(FloatArray, (wet * factor).astype(np.float32))


def coloured_noise(n: int, random: np.random.Generator) -> FloatArray:
    """Return noise whose spectrum falls or rises with frequency, float32 (n,), variance 1."""
    spectrum = np.fft.rfft(random.normal(0, 1, n))
    frequency = np.maximum(np.arange(len(spectrum)), max(1, n // 400))
    slope = random.uniform(-1.0, 0.25)
    noise = np.fft.irfft(spectrum * frequency**slope, n)
    deviation = float(noise.std())
    return cast(FloatArray, (noise / (deviation or 1.0)).astype(np.float32))


def add_noise(samples: FloatArray, noise: FloatArray, snr_db: float) -> FloatArray:
    """Return samples with noise, as far below the mean power as ``snr_db`` says."""
    power = float(np.mean(samples**2)) if len(samples) else 0.0
    factor = np.float32(np.sqrt(power * 10 ** (-snr_db / 10)))
    return cast(FloatArray, samples + noise * factor)


def clip_peaks(samples: FloatArray, share: float) -> FloatArray:
    """Return samples cut off at ``share`` of their peak."""
    limit = share * float(np.max(np.abs(samples), initial=0.0))
    return np.clip(samples, -limit, limit)


def limit_band(samples: FloatArray, rate_hz: int, random: np.random.Generator) -> FloatArray:
    """Return samples without low and high frequencies, as telephones and small microphones do."""
    low, high = random.uniform(50.0, 350.0), random.uniform(3000.0, 0.45 * rate_hz)
    filter_ = signal.butter(4, [low, high], "bandpass", fs=rate_hz, output="sos")
    return cast(FloatArray, signal.sosfilt(filter_, samples).astype(np.float32))


def through_codec(samples: FloatArray, rate_hz: int, random: np.random.Generator) -> FloatArray:
    """Return samples after a lossy codec: mu-law, A-law, GSM 6.10 or Vorbis, as many as before."""
    kind, subtype, rate = (
        ("WAV", "ULAW", 8000),
        ("WAV", "ALAW", 8000),
        ("WAV", "GSM610", 8000),
        ("OGG", "VORBIS", rate_hz),
    )[int(random.integers(4))]
    narrow = soxr.resample(samples, rate_hz, rate) if rate != rate_hz else samples
    file = io.BytesIO()
    soundfile.write(file, np.clip(narrow, -1, 1), rate, format=kind, subtype=subtype)
    file.seek(0)
    decoded, _ = soundfile.read(file, dtype="float32")
    wide = soxr.resample(decoded, rate, rate_hz) if rate != rate_hz else decoded
    result = np.zeros(len(samples), np.float32)
    n = min(len(samples), len(wide))
    result[:n] = wide[:n]
    return result


def set_peak(samples: FloatArray, peak: float) -> FloatArray:
    """Return samples louder or softer, so that the loudest is ``peak``; silence stays silence."""
    loudest = float(np.max(np.abs(samples), initial=0.0))
    return samples * np.float32(peak / loudest) if loudest > 0 else samples
