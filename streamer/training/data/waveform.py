"""Changes to samples: rooms, noise, narrow bands, codecs, clipping, loudness, speed.

One clip is changed by a chain in the order of the world: the speaker (speed), the room with its
noise, the microphone (clipping), the line (band, codec, 8 bits), the level. Each link is there
with a probability of its own, so that most clips have one or two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import soxr

from streamer.arrays import FloatArray
from streamer.training.data.channels import (
    clip_peaks,
    draw_band,
    draw_codec,
    eight_bits,
    limit_band,
    through_codec,
)
from streamer.training.data.noises import Noises, read_noises
from streamer.training.data.rooms import Rooms, in_room


@dataclass(frozen=True)
class WaveformSettings:
    """How likely each change is, and how far it goes at full strength.

    Attributes:
        speed: probability of another tempo and pitch.
        speed_factor: lowest and highest.
        room: probability of a simulated room.
        noise: probability of added noise.
        noise_snr_db: lowest and highest ratio of speech to noise.
        clipping: probability of clipping.
        clipping_share: lowest and highest share of the peak that is left.
        band: probability of a narrower band.
        codec: probability of a lossy codec.
        eight_bits: probability of samples of 8 bits.
        peak_db: lowest and highest peak of what comes out, relative to full scale.
        rooms: how many rooms there are.
    """

    speed: float = 0.7
    speed_factor: tuple[float, float] = (0.85, 1.2)
    room: float = 0.5
    noise: float = 0.6
    noise_snr_db: tuple[float, float] = (0.0, 30.0)
    clipping: float = 0.1
    clipping_share: tuple[float, float] = (0.15, 0.7)
    band: float = 0.3
    codec: float = 0.15
    eight_bits: float = 0.1
    peak_db: tuple[float, float] = (-40.0, 0.0)
    rooms: int = 500


@lru_cache(maxsize=2)
def _rooms(rate_hz: int, count: int) -> Rooms:
    return Rooms(rate_hz, count)


@lru_cache(maxsize=2)
def _recordings(folder: Path, rate_hz: int) -> list[Any]:
    return read_noises(folder, rate_hz)


class WaveformAugmentation:
    """Changes the samples of one clip; without ``speech`` it can be sent to another process.

    Args:
        rate_hz: samples a second.
        settings: see `WaveformSettings`; its defaults if None.
        noise_folder: recorded noises, see `read_noises`; None for none.
        speech: samples of other clips for babble, int16 (n,) each.
    """

    def __init__(
        self,
        rate_hz: int,
        settings: WaveformSettings | None = None,
        noise_folder: Path | None = None,
        speech: Sequence[Any] = (),
    ) -> None:
        self.rate_hz = rate_hz
        self.settings = settings or WaveformSettings()
        self._noise_folder = noise_folder
        self._speech = speech

    def __call__(
        self, samples: FloatArray, random: np.random.Generator, strength: float = 1.0
    ) -> FloatArray:
        """Return changed samples, float32 (m,), within full scale.

        Args:
            samples: float32 (n,), full scale is 1.
            random: where the dice come from.
            strength: 0 to 1: how far speed, noise and loudness may go.
        """
        chance, rate_hz = self.settings, self.rate_hz
        if random.random() < chance.speed:
            factor = random.uniform(*chance.speed_factor)
            samples = change_speed(samples, float(factor**strength))
        # Noise from inside the room or from outside of it.
        in_the_room = random.random() < 0.5
        if in_the_room:
            samples = self._noisy(samples, random, strength)
        if random.random() < chance.room:
            samples = in_room(samples, _rooms(rate_hz, chance.rooms).draw(random))
        if not in_the_room:
            samples = self._noisy(samples, random, strength)
        if random.random() < chance.clipping:
            samples = clip_peaks(samples, float(random.uniform(*chance.clipping_share)))
        samples = self._through_line(samples, random)
        low, high = chance.peak_db
        peak_db = random.uniform(high + strength * (low - high), high)
        return set_peak(samples, float(10 ** (peak_db / 20)))

    def _noisy(
        self, samples: FloatArray, random: np.random.Generator, strength: float
    ) -> FloatArray:
        if random.random() >= self.settings.noise:
            return samples
        low, high = self.settings.noise_snr_db
        snr_db = random.uniform(high + strength * (low - high), high)
        return add_noise(samples, self.draw_noise(len(samples), random), float(snr_db))

    def draw_noise(self, n: int, random: np.random.Generator) -> FloatArray:
        """Return noise of some kind, float32 (n,): see `Noises.draw`."""
        folder = self._noise_folder
        recordings = _recordings(folder, self.rate_hz) if folder else ()
        return Noises(self.rate_hz, recordings, self._speech).draw(n, random)

    def _through_line(self, samples: FloatArray, random: np.random.Generator) -> FloatArray:
        chance, rate_hz = self.settings, self.rate_hz
        if random.random() < chance.band:
            samples = limit_band(samples, rate_hz, *draw_band(random))
        if random.random() < chance.codec:
            samples = set_peak(samples, float(10 ** (random.uniform(-20, 0) / 20)))
            samples = through_codec(samples, rate_hz, draw_codec(random), random)
        if random.random() < chance.eight_bits:
            samples = eight_bits(samples, float(10 ** (random.uniform(-12, 0) / 20)))
        return samples


def change_speed(samples: FloatArray, factor: float) -> FloatArray:
    """Return samples played ``factor`` times as fast: tempo, pitch and formants move together."""
    return cast(FloatArray, soxr.resample(samples, factor, 1.0, quality="MQ").astype(np.float32))


def add_noise(samples: FloatArray, noise: FloatArray, snr_db: float) -> FloatArray:
    """Return samples with noise, as far below the mean power as ``snr_db`` says.

    Args:
        samples: float32 (n,).
        noise: float32 (n,), mean power 1.
        snr_db: ratio of the powers in decibels.
    """
    power = float(np.mean(samples**2)) if len(samples) else 0.0
    factor = np.float32(np.sqrt(power * 10 ** (-snr_db / 10)))
    return cast(FloatArray, samples + noise * factor)


def set_peak(samples: FloatArray, peak: float) -> FloatArray:
    """Return samples louder or softer, so that the loudest is ``peak``; silence stays silence."""
    loudest = float(np.max(np.abs(samples), initial=0.0))
    return samples * np.float32(peak / loudest) if loudest > 0 else samples
