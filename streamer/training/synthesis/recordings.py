"""Data sets of synthetic speech: recordings of random speakers, and their manifest."""

from __future__ import annotations

import csv
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import cast

import numpy as np
import soundfile
import soxr

from streamer.arrays import FloatArray
from streamer.errors import UsageError
from streamer.training.data.manifests import read_data_set
from streamer.training.language.held_out import HeldOutFilter
from streamer.training.synthesis import kokoro
from streamer.training.synthesis.kokoro import Kokoro
from streamer.training.synthesis.sentences import sentences
from streamer.training.synthesis.speakers import Speaker, draw_speaker

RATE_HZ = 16000
MANIFEST = "train.tsv"
_COLUMNS = ("path", "transcript", "seconds", "speaker", "corpus")
#: Root mean square below which a recording is silent.
_MIN_POWER = 1e-4
#: A line of the log after so many recordings.
_LOG_RECORDINGS = 50


def say(
    synthesiser: Kokoro, voices: dict[str, FloatArray], text: str, speaker: Speaker, seed: int
) -> FloatArray | None:
    """Return speech, float32 (n,) at `RATE_HZ`, or None if the text is empty or too long.

    Args:
        synthesiser: the synthesiser.
        voices: as of `kokoro.read_voice`, by name.
        text: sentence to say.
        speaker: who says it.
        seed: random seed of the noise.
    """
    tokens = synthesiser.tokens(text, speaker.british)
    if not 0 < len(tokens) < kokoro.MAX_TOKENS:
        return None
    style = sum(
        (share * voices[name][len(tokens)] for name, share in zip(speaker.voices, speaker.shares)),
        np.zeros(1, np.float32),
    )
    speech = synthesiser.say(tokens, style, speaker.tempo / speaker.formants)
    power = float(np.sqrt(np.mean(speech**2)))
    if not power > _MIN_POWER:  # silence, or NaN
        return None
    samples = soxr.resample(speech, kokoro.RATE_HZ * speaker.formants, RATE_HZ)
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 10 ** (speaker.noise_db / 20), len(samples))
    samples = samples * (10 ** (speaker.level_db / 20) / power) + noise
    return cast(FloatArray, np.clip(samples, -1, 1).astype(np.float32))


@dataclass(frozen=True)
class _Share:
    """The share of one process.

    Attributes:
        rank: number of the process.
        texts: see `sentences`.
        folder: output folder.
        model: Kokoro's ONNX file.
        voices: folder of its voices.
        seconds: seconds of speech, at least.
        seed: random seed.
        held_out: data sets whose sentences are never said.
    """

    rank: int
    texts: tuple[Path, ...]
    folder: Path
    model: Path
    voices: Path
    seconds: float
    seed: int
    held_out: tuple[Path, ...]


def _synthesise_share(share: _Share) -> None:
    manifest = share.folder / f"part-{share.rank}.tsv"
    known = _rows(manifest)
    seconds = sum(float(row[2]) for row in known.values())
    if seconds >= share.seconds:
        return
    voices = {path.stem: kokoro.read_voice(path) for path in sorted(share.voices.glob("*.bin"))}
    synthesiser = Kokoro(share.model)
    with manifest.open("a", encoding="utf-8") as file:
        seed = share.seed * 1000 + share.rank
        held_out = HeldOutFilter(
            clip.transcript for path in share.held_out for clip in read_data_set(path)
        )
        for number, text in enumerate(sentences(share.texts, seed, held_out)):
            name = f"{share.rank}-{number:06d}.flac"
            if name in known:
                continue
            if seconds >= share.seconds:
                return
            speaker = draw_speaker(list(voices), (share.seed, share.rank, number))
            samples = say(synthesiser, voices, text, speaker, number)
            if samples is None:
                continue
            soundfile.write(str(share.folder / name), samples, RATE_HZ)
            length = len(samples) / RATE_HZ
            seconds += length
            row = (name, text.replace(",", ""), f"{length:.2f}", speaker.name, "kokoro")
            file.write("\t".join(row) + "\n")
            file.flush()
            if number % _LOG_RECORDINGS == _LOG_RECORDINGS - 1:
                print(f"{share.rank}: {seconds / 3600:.2f} h", file=sys.stderr)


def _rows(manifest: Path) -> dict[str, list[str]]:
    """Return the complete rows of a manifest by the names of their recordings."""
    if not manifest.is_file():
        return {}
    with manifest.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row[0]: row for row in rows if len(row) == len(_COLUMNS)}


def synthesise(
    texts: Sequence[Path], folder: Path, model: Path, voices: Path,
    hours: float, processes: int = 2, seed: int = 1, held_out: Sequence[Path] = (),
) -> Path:  # fmt: skip
    """Make a data set of synthetic speech, or resume it.

    Args:
        texts: one normalised sentence per line.
        folder: output folder.
        model: Kokoro's ONNX file with 8-bit weights.
        voices: folder of its voices, ``NAME.bin``.
        hours: hours of speech.
        processes: number of processes.
        seed: random seed; the same seed and number of processes give the same speech.
        held_out: data sets whose sentences are never said.

    Returns:
        The manifest.

    Raises:
        StreamerError: something is missing or cannot be read.
    """
    if not any(voices.glob("*.bin")):
        raise UsageError(f"{voices}: no voices (*.bin)", "name the folder of Kokoro's voices")
    folder.mkdir(parents=True, exist_ok=True)
    seconds = hours * 3600 / processes
    shares = [
        _Share(rank, tuple(texts), folder, model, voices, seconds, seed, tuple(held_out))
        for rank in range(processes)
    ]
    if processes == 1:
        _synthesise_share(shares[0])
    else:
        # Ctrl-C ends this process, which ends the others.
        ignore_interrupt = (signal.SIGINT, signal.SIG_IGN)
        with get_context("spawn").Pool(processes, signal.signal, ignore_interrupt) as pool:
            pool.map(_synthesise_share, shares, chunksize=1)
    rows = [row for share in shares for row in _rows(folder / f"part-{share.rank}.tsv").values()]
    manifest = folder / MANIFEST
    lines = ["\t".join(row) for row in [list(_COLUMNS), *rows]]
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return manifest
