"""False words: the words recognised in sounds without speech.

    python -m benchmarks.no_words [--model english] [--minutes 10] [--sounds babble] [--voices 6]

Silence, noise, hum, clicks, synthetic music and a babble of foreign voices, each for some minutes
at several levels, through the whole engine. Every line should say 0 words; of the babble, which is
speech, at most one word a minute is tolerable. The babble needs the program espeak-ng.
"""

from __future__ import annotations

import argparse
import functools
import io
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Callable

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from streamer import Final, Transcriber
from streamer.arrays import FloatArray

RATE_HZ = 16000
#: Duration of a segment with one level.
STRETCH_S = 10
#: What the babble says: the first article of the Universal Declaration of Human Rights.
ARTICLE = {
    "de": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft "
    "und Gewissen begabt und sollen einander im Geist der Brüderlichkeit begegnen.",
    "fr": "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués "
    "de raison et de conscience et doivent agir les uns envers les autres dans un esprit de "
    "fraternité.",
    "es": "Todos los seres humanos nacen libres e iguales en dignidad y derechos y, dotados como "
    "están de razón y conciencia, deben comportarse fraternalmente los unos con los otros.",
    "it": "Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti. Essi sono dotati "
    "di ragione e di coscienza e devono agire gli uni verso gli altri in spirito di fratellanza.",
    "pl": "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Są "
    "obdarzeni rozumem i sumieniem i powinni postępować wobec innych w duchu braterstwa.",
    "fi": "Kaikki ihmiset syntyvät vapaina ja tasavertaisina arvoltaan ja oikeuksiltaan. Heille on "
    "annettu järki ja omatunto, ja heidän on toimittava toisiaan kohtaan veljeyden hengessä.",
}
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


def babble(rng: np.random.Generator, seconds: int, voices: int = len(ARTICLE)) -> FloatArray:
    """Several voices at once, each in another language."""
    sound = np.zeros(seconds * RATE_HZ)
    for language in list(ARTICLE)[:voices]:
        voice = _voice(language)
        start = int(rng.integers(len(voice)))
        sound += np.resize(np.roll(voice, -start), len(sound))
    return _level(sound)


@functools.cache
def _voice(language: str) -> FloatArray:
    command = ["espeak-ng", "-v", language, "--stdout", ARTICLE[language]]
    wav = subprocess.run(command, check=True, capture_output=True).stdout
    samples, rate = soundfile.read(io.BytesIO(wav), dtype="float32")
    voice = soxr.resample(samples, rate, RATE_HZ)
    return (voice / np.sqrt(np.mean(voice**2))).astype(np.float32)


def _level(sound: npt.NDArray[np.float64]) -> FloatArray:
    return (sound / np.sqrt(np.mean(sound**2))).astype(np.float32)


SOUNDS: dict[str, Callable[[np.random.Generator, int], FloatArray]] = {
    "silence": silence,
    "white noise": white,
    "brown noise": brown,
    "hum": hum,
    "bursts": bursts,
    "music": music,
    "babble": babble,
}


def stretches(name: str, minutes: float, seed: int, voices: int) -> Iterator[FloatArray]:
    """Yield segments of a sound, each at a random level from -60 to -10 dBFS."""
    rng = np.random.default_rng(seed)
    sounds = {**SOUNDS, "babble": functools.partial(babble, voices=voices)}
    for _ in range(max(1, round(minutes * 60 / STRETCH_S))):
        level = 10 ** (rng.uniform(-60, -10) / 20)
        yield np.clip(sounds[name](rng, STRETCH_S) * level, -1, 1).astype(np.float32)


def main() -> int:
    """Print a line for each sound; return 1 if there are too many words."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--model", default="english")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sounds", nargs="+", choices=SOUNDS, default=list(SOUNDS))
    parser.add_argument(
        "--voices", type=int, default=len(ARTICLE), choices=range(1, len(ARTICLE) + 1),
        help="of the babble; one alone is speech, not babble",
    )  # fmt: skip
    arguments = parser.parse_args()
    failed = False
    for name in arguments.sounds:
        if name == "babble" and shutil.which("espeak-ng") is None:
            print("babble: left out, espeak-ng is not installed", file=sys.stderr)
            continue
        with Transcriber(model=arguments.model) as transcriber:
            started = time.perf_counter()
            events = []
            for samples in stretches(name, arguments.minutes, arguments.seed, arguments.voices):
                events += transcriber.feed(samples)
            events += transcriber.finish()
            spent = time.perf_counter() - started
        texts = [event.text for event in events if isinstance(event, Final) and event.text]
        words = sum(len(text.split()) for text in texts)
        tolerated = arguments.minutes if name == "babble" else 0
        failed |= words > tolerated
        speed = spent / (arguments.minutes * 60)
        print(f"{name:12} {words:3} words  {speed:.4f} of real time  {texts[:3] or ''}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
