"""Noises to learn to hear through: recorded, coloured, hum, fans, and other people talking."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from scipy import fft

from streamer.arrays import FloatArray
from streamer.errors import AudioError, StreamerError
from streamer.training.data.cache import read_audio

#: Files of a folder of recorded noises.
_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")
#: Voices in a babble, least and most.
_VOICES = (3, 9)
#: Share of coloured noise that is white: what microphones and amplifiers make.
_WHITE_SHARE = 0.5


def read_noises(folder: Path, rate_hz: int) -> list[Any]:
    """Read the recordings of a folder, int16 (n,) each, in the order of their names.

    Those that cannot be read or are silent are left out.

    Raises:
        StreamerError: there are none.
    """
    noises = []
    for path in sorted(path for path in folder.rglob("*") if path.suffix in _SUFFIXES):
        try:
            noise = np.rint(read_audio(path, rate_hz) * 32767).astype(np.int16)
        except AudioError:
            continue
        if noise.any():
            noises.append(noise)
    if not noises:
        raise StreamerError(
            f"{folder}: no recordings of noise", f"name a folder of {', '.join(_SUFFIXES)} files"
        )
    return noises


class Noises:
    """Draws noise of any length; never the same twice.

    Args:
        rate_hz: samples a second.
        recordings: recorded noises, int16 (n,) each; may be empty.
        speech: samples of many speakers, int16 (n,) each, for babble; may be empty.
    """

    def __init__(
        self, rate_hz: int, recordings: Sequence[Any] = (), speech: Sequence[Any] = ()
    ) -> None:
        self.rate_hz = rate_hz
        self._recordings = list(recordings)
        self._speech = [voices for voices in speech if len(voices)]
        self._kinds = [self.coloured, self.coloured, self.hum, self.fan]
        if self._recordings:
            self._kinds += [self.recorded] * 3
        if self._speech:
            self._kinds += [self.babble] * 2

    def draw(self, n: int, random: np.random.Generator) -> FloatArray:
        """Return noise of some kind, float32 (n,), mean power 1 unless it is silent."""
        noise = self._kinds[int(random.integers(len(self._kinds)))](n, random)
        power = float(np.mean(noise**2)) if n else 0.0
        return noise / np.float32(np.sqrt(power)) if power > 0 else noise

    def recorded(self, n: int, random: np.random.Generator) -> FloatArray:
        """Return a stretch of a recording, repeated if it is short."""
        recording = self._recordings[int(random.integers(len(self._recordings)))]
        start = int(random.integers(len(recording)))
        index = np.arange(start, start + n) % len(recording)
        return cast(FloatArray, recording[index].astype(np.float32))

    def babble(self, n: int, random: np.random.Generator) -> FloatArray:
        """Return several people talking at once, about equally loud."""
        total = np.zeros(n, np.float32)
        for _ in range(int(random.integers(*_VOICES))):
            voices = self._speech[int(random.integers(len(self._speech)))]
            start = int(random.integers(max(1, len(voices) - n)))
            voice = voices[start : start + n].astype(np.float32)
            loudness = float(np.sqrt(np.mean(voice**2)))
            if loudness > 0:
                total[: len(voice)] += voice * np.float32(random.uniform(0.5, 1.5) / loudness)
        return total

    def coloured(self, n: int, random: np.random.Generator) -> FloatArray:
        """Return noise whose spectrum is flat, or falls or rises with frequency and has bumps."""
        noise = random.standard_normal(n, np.float32)
        if random.random() < _WHITE_SHARE or n < 2:
            return noise
        return self._shaped(noise, random.uniform(-1.2, 0.3), 6.0, random)

    def fan(self, n: int, random: np.random.Generator) -> FloatArray:
        """Return broad noise that falls with frequency, and the tone of the blades."""
        if n < 2:
            return random.standard_normal(n, np.float32)
        noise = self._shaped(random.standard_normal(n, np.float32), -1.0, 3.0, random)
        tone = self._harmonics(n, random.uniform(60.0, 250.0), 4, random)
        share = random.uniform(0.0, 1.0) * float(noise.std())
        return cast(FloatArray, noise + tone * np.float32(share))

    def hum(self, n: int, random: np.random.Generator) -> FloatArray:
        """Return the hum of the mains at 50 or 60 Hz with harmonics, and some hiss."""
        mains = 50.0 if random.random() < 0.5 else 60.0
        hiss = random.standard_normal(n, np.float32) * np.float32(random.uniform(0.01, 0.3))
        return cast(FloatArray, self._harmonics(n, mains, 20, random) + hiss)

    def _harmonics(self, n: int, hz: float, count: int, random: np.random.Generator) -> FloatArray:
        """Return a buzz of about power 1: random harmonics of a frequency, higher ones softer."""
        phase = (2 * np.pi * hz / self.rate_hz * np.arange(n)).astype(np.float32)
        tone = np.zeros(n, np.float32)
        for k in range(1, count + 1):
            amplitude = random.uniform(0, 1) / k**0.7
            if hz * k < self.rate_hz / 2 and amplitude > 0.05:
                tone += np.float32(amplitude) * np.sin(
                    np.float32(k) * phase + np.float32(random.uniform(0, 6.28))
                )
        return tone

    @staticmethod
    def _shaped(
        noise: FloatArray, slope: float, bumps_db: float, random: np.random.Generator
    ) -> FloatArray:
        """Return noise times f^slope and smooth bumps; the slope ends at 1/400 of the band."""
        spectrum = fft.rfft(noise)
        size = len(spectrum)
        frequency = np.maximum(np.arange(size, dtype=np.float32), max(1.0, size / 400)) / size
        knots = random.normal(0, bumps_db, 12)
        bumps = np.interp(np.linspace(0, 11, size), np.arange(12), knots)
        gain = frequency**slope * 10 ** (bumps / 20)
        shaped = fft.irfft(spectrum * gain.astype(np.float32), len(noise))
        return cast(FloatArray, shaped.astype(np.float32))
