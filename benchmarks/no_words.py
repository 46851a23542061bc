"""False words: the words recognised in sounds without speech.

    python -m benchmarks.no_words [--model english] [--minutes 10]

Silence, noise, hum, clicks and synthetic music, each for some minutes at several levels, through
the whole engine. Every line should say 0 words.
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
#: Duration of a segment with one level.
STRETCH_S = 10
SCALE = 2.0 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12]) / 12)


def silence(rng: np.random.Generator, seconds: int) -> FloatArray:
    """Digital silence."""
    return np.zeros(seconds * RATE_HZ, np.float32)


def white(rng: np.random.Generator, seconds: int) -> FloatArray:
    """White noise."""
    return rng.normal(size=seconds * RATE_HZ).astype(np.float32)


def brown(rng: np.random.Generator, seconds: int) -> FloatArray:
    """Noise that falls by 6 dB per octave, as from a fan or a road."""
    spectrum = np.fft.rfft(rng.normal(size=seconds * RATE_HZ))
    spectrum[1:] /= np.arange(1, len(spectrum)) / len(spectrum)
    spectrum[: 40 * seconds] = 0
    return _level(np.fft.irfft(spectrum))


def hum(rng: np.random.Generator, seconds: int) -> FloatArray:
    """Mains hum with its harmonics."""
    t = np.arange(seconds * RATE_HZ) / RATE_HZ
    return _level(sum(np.sin(2 * np.pi * 50 * k * t) / k for k in range(1, 12)))


def bursts(rng: np.random.Generator, seconds: int) -> FloatArray:
    """Clicks and bursts of noise, as from typing and doors."""
    sound = rng.normal(size=seconds * RATE_HZ) * 0.01
    for start in rng.integers(0, seconds * RATE_HZ - 4000, 3 * seconds):
        length = int(rng.integers(80, 4000))
        sound[start : start + length] += rng.normal(size=length) * np.geomspace(1, 1e-3, length)
    return _level(sound)


def music(rng: np.random.Generator, seconds: int) -> FloatArray:
    """Chords with vibrato and decay, a bass and a drum."""
    t = np.arange(seconds * RATE_HZ) / RATE_HZ
    sound = np.zeros(len(t))
    for beat in np.arange(0, seconds, 0.5):
        begin = int(beat * RATE_HZ)
        rest = t[begin:] - beat
        fade = np.exp(-3 * rest)
        for step in rng.choice(8, 3, replace=False):
            pitch = 220 * SCALE[step]
            phase = 2 * np.pi * pitch * rest + 0.3 * np.sin(2 * np.pi * 5 * rest)
            tone = np.sin(phase) + 0.4 * np.sin(2 * phase) + 0.2 * np.sin(3 * phase)
            sound[begin:] += fade * tone
        sound[begin:] += fade * np.sin(2 * np.pi * 110 * SCALE[rng.integers(8)] / 2 * rest)
        drum = min(2000, len(sound) - begin)
        sound[begin : begin + drum] += rng.normal(size=drum) * np.geomspace(0.5, 1e-3, drum)
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
    """Yield segments of a sound, each at a random level from -60 to -10 dBFS."""
    rng = np.random.default_rng(seed)
    for _ in range(max(1, round(minutes * 60 / STRETCH_S))):
        level = 10 ** (rng.uniform(-60, -10) / 20)
        yield np.clip(SOUNDS[name](rng, STRETCH_S) * level, -1, 1).astype(np.float32)


def main() -> int:
    """Print a line for each sound; return 1 if there are words."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--model", default="english")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    total = 0
    for name in SOUNDS:
        with Transcriber(model=arguments.model) as transcriber:
            started = time.perf_counter()
            events = []
            for samples in stretches(name, arguments.minutes, arguments.seed):
                events += transcriber.feed(samples)
            events += transcriber.finish()
            spent = time.perf_counter() - started
        texts = [event.text for event in events if isinstance(event, Final) and event.text]
        words = sum(len(text.split()) for text in texts)
        total += words
        speed = spent / (arguments.minutes * 60)
        print(f"{name:12} {words:3} words  {speed:.4f} of real time  {texts[:3] or ''}", flush=True)
    return int(total > 0)


if __name__ == "__main__":
    sys.exit(main())
