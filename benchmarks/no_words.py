"""Counts the words that come out of sounds that hold none.

    python benchmarks/no_words.py [--model english] [--minutes 10]

Silence, hiss, hum, coloured noise and music-like sounds, each for some minutes
at several loudnesses, through the whole engine. Every line should say 0 words.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from typing import Callable

import numpy as np
import numpy.typing as npt

from streamer import Final, Transcriber
from streamer.arrays import FloatArray

RATE_HZ = 16000
#: Sounds are made and fed a stretch at a time.
STRETCH_S = 10
SCALE = 2.0 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12]) / 12)


def silence(chance: np.random.Generator, seconds: int) -> FloatArray:
    """Digital silence."""
    return np.zeros(seconds * RATE_HZ, np.float32)


def white(chance: np.random.Generator, seconds: int) -> FloatArray:
    """White noise."""
    return chance.normal(size=seconds * RATE_HZ).astype(np.float32)


def brown(chance: np.random.Generator, seconds: int) -> FloatArray:
    """Noise that falls by 6 dB an octave, as of a fan or a road."""
    spectrum = np.fft.rfft(chance.normal(size=seconds * RATE_HZ))
    spectrum[1:] /= np.arange(1, len(spectrum)) / len(spectrum)
    spectrum[: 40 * seconds] = 0
    return _level(np.fft.irfft(spectrum))


def hum(chance: np.random.Generator, seconds: int) -> FloatArray:
    """Mains hum with its harmonics."""
    t = np.arange(seconds * RATE_HZ) / RATE_HZ
    return _level(sum(np.sin(2 * np.pi * 50 * k * t) / k for k in range(1, 12)))


def bursts(chance: np.random.Generator, seconds: int) -> FloatArray:
    """Clicks and bursts of noise, as of typing and of doors."""
    sound = chance.normal(size=seconds * RATE_HZ) * 0.01
    for start in chance.integers(0, seconds * RATE_HZ - 4000, 3 * seconds):
        length = int(chance.integers(80, 4000))
        sound[start : start + length] += chance.normal(size=length) * np.geomspace(1, 1e-3, length)
    return _level(sound)


def music(chance: np.random.Generator, seconds: int) -> FloatArray:
    """Chords with vibrato and decaying notes, a bass and a drum."""
    t = np.arange(seconds * RATE_HZ) / RATE_HZ
    sound = np.zeros(len(t))
    for beat in np.arange(0, seconds, 0.5):
        begin = int(beat * RATE_HZ)
        rest = t[begin:] - beat
        fade = np.exp(-3 * rest)
        for step in chance.choice(8, 3, replace=False):
            pitch = 220 * SCALE[step]
            phase = 2 * np.pi * pitch * rest + 0.3 * np.sin(2 * np.pi * 5 * rest)
            tone = np.sin(phase) + 0.4 * np.sin(2 * phase) + 0.2 * np.sin(3 * phase)
            sound[begin:] += fade * tone
        sound[begin:] += fade * np.sin(2 * np.pi * 110 * SCALE[chance.integers(8)] / 2 * rest)
        drum = min(2000, len(sound) - begin)
        sound[begin : begin + drum] += chance.normal(size=drum) * np.geomspace(0.5, 1e-3, drum)
    return _level(sound)


def _level(sound: npt.NDArray[np.float64]) -> FloatArray:
    return (sound / np.sqrt(np.mean(sound**2))).astype(np.float32)


SOUNDS: dict[str, Callable[[np.random.Generator, int], FloatArray]] = {
    "silence": silence,
    "white noise": white,
    "brown noise": brown,
    "hum": hum,
    "bursts": bursts,
    "music": music,
}


def stretches(name: str, minutes: float, seed: int) -> Iterator[FloatArray]:
    """Yield the sound, stretch by stretch, each of another loudness from -60 to -10 dBFS."""
    chance = np.random.default_rng(seed)
    for _ in range(max(1, round(minutes * 60 / STRETCH_S))):
        loudness = 10 ** (chance.uniform(-60, -10) / 20)
        yield np.clip(SOUNDS[name](chance, STRETCH_S) * loudness, -1, 1).astype(np.float32)


def main() -> int:
    """Print a line for each sound; return 1 if there was a word."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--model", default="english")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    total = 0
    for name in SOUNDS:
        with Transcriber(model=arguments.model) as transcriber:
            begun = time.perf_counter()
            events = []
            for samples in stretches(name, arguments.minutes, arguments.seed):
                events += transcriber.feed(samples)
            events += transcriber.finish()
            spent = time.perf_counter() - begun
        texts = [event.text for event in events if isinstance(event, Final) and event.text]
        words = sum(len(text.split()) for text in texts)
        total += words
        speed = spent / (arguments.minutes * 60)
        print(f"{name:12} {words:3} words  {speed:.4f} of real time  {texts[:3] or ''}", flush=True)
    return int(total > 0)


if __name__ == "__main__":
    sys.exit(main())
