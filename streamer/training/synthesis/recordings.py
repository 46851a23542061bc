"""Synthetic speech for breadth: many voices read sentences that no recording holds.

    python -m streamer.training.synthesis TEXT... -o FOLDER --model KOKORO.onnx --voices VOICES

Sentences are chosen for coverage: of several drawn at random, the one whose pairs of words are
common in the texts and have been said least. Sentences of ``--held-out`` data sets are never said.
Every sentence has a speaker of its own: a mixture of up to three of Kokoro's voices, at a tempo
and with a size of the vocal tract drawn by chance. FOLDER gets FLAC files and ``train.tsv``, a
data set for ``streamer train``; the same command goes on where it was interrupted.
"""

from __future__ import annotations

import argparse
import csv
import math
import random
import signal
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import cast

import numpy as np
import soundfile
import soxr

from streamer.arrays import FloatArray
from streamer.errors import StreamerError, UsageError
from streamer.training.data.manifests import read_data_set
from streamer.training.language.held_out import HeldOut
from streamer.training.language.prompts import prompts
from streamer.training.language.scorer import open_text
from streamer.training.synthesis import kokoro
from streamer.training.synthesis.kokoro import Kokoro

RATE_HZ = 16000
#: Voices of other languages give accents.
_ENGLISH_SHARE = 0.8
#: Sentences that are made up (spellings, numbers, orders), as a share.
_PROMPTS_SHARE = 0.15
#: Sentences drawn for each one that is said.
_CANDIDATES = 12
#: Words of a recording, about: sentences are joined until there are so many.
_LENGTHS = (4, 8, 12, 16, 20, 26, 32)
#: Longer sentences are left out, in words; a clip has to be shorter than 20 s.
_LONGEST = 32
_TEMPO = (0.8, 1.35)
#: Played faster or slower at the same tempo, a voice comes from a smaller or larger head.
_SIZE = (0.9, 1.12)
_LEVEL_DB = (-30.0, -14.0)
_NOISE_DB = (-85.0, -60.0)
MANIFEST = "train.tsv"
_COLUMNS = ("path", "transcript", "seconds", "speaker", "corpus")


class Coverage:
    """Chooses sentences so that common pairs of words are said early and often enough.

    A pair of neighbouring words is worth the logarithm of one plus its count in the texts,
    divided by one plus how often it has been said; a sentence is worth the mean of its pairs.

    Args:
        lines: the texts, words separated by single spaces.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        for line in lines:
            self._counts.update(_word_pairs(line))
        self._said: Counter[tuple[str, str]] = Counter()

    def choose(self, candidates: Sequence[str]) -> str:
        """Return the sentence that is worth most, and count it as said."""
        best = max(candidates, key=self._worth)
        self._said.update(_word_pairs(best))
        return best

    def _worth(self, line: str) -> float:
        pairs = _word_pairs(line)
        worths = [math.log1p(self._counts[pair]) / (1 + self._said[pair]) for pair in pairs]
        return sum(worths) / len(worths)


def _word_pairs(line: str) -> list[tuple[str, str]]:
    """Return neighbouring words; the empty word stands for both edges of the sentence."""
    words = ["", *line.split(), ""]
    return list(zip(words, words[1:]))


def sentences(texts: Sequence[Path], seed: int, held_out: HeldOut | None = None) -> Iterator[str]:
    """Yield what is to be said, without end: parts of it are joined by ", ".

    Args:
        texts: one normalised sentence a line; each file has the same share, however large.
        seed: of the choice.
        held_out: sentences that are never said.

    Raises:
        UsageError: a text holds no sentence of a length that can be used.
    """
    chance = random.Random(seed)
    chosen = [_sample(path, chance, held_out) for path in texts]
    coverage = Coverage(line for lines in chosen for line in lines)
    words = sorted({w for lines in chosen for line in lines[:5000] for w in line.split()})
    spelled = prompts(10**9, chance.sample(words, min(5000, len(words))), seed)
    while True:
        parts: list[str] = []
        if chance.random() < _PROMPTS_SHARE:
            parts = [next(spelled) for _ in range(chance.choice((1, 3)))]
        else:
            lines, wanted = chance.choice(chosen), chance.choice(_LENGTHS)
            while sum(len(part.split()) for part in parts) < 0.6 * wanted:
                parts.append(coverage.choose([chance.choice(lines) for _ in range(_CANDIDATES)]))
        yield ", ".join(parts)


def _sample(
    path: Path, chance: random.Random, held_out: HeldOut | None, most: int = 100_000
) -> list[str]:
    """Return lines of a text in any order, every line as likely as any other."""
    kept: list[str] = []
    with open_text(path) as lines:
        usable = (line.strip() for line in lines if 3 <= len(line.split()) <= _LONGEST)
        for count, line in enumerate(usable):
            if len(kept) < most:
                kept.append(line)
            else:
                place = chance.randrange(count + 1)
                if place < most:
                    kept[place] = line
    if held_out is not None:
        kept = list(held_out.without(kept))
    if not kept:
        raise UsageError(f"{path}: no sentence of 3 to {_LONGEST} words", "one sentence a line")
    return kept


@dataclass(frozen=True)
class Speaker:
    """Who says a sentence, and how.

    Attributes:
        voices: names of Kokoro's voices ...
        shares: ... and how much there is of each; they add up to 1.
        tempo: 1 is the voices' own, more is faster.
        size: of the vocal tract: more than 1 is a smaller one.
        level_db: root mean square of the samples, 0 is full scale.
        noise_db: the same of the white noise under it.
    """

    voices: tuple[str, ...]
    shares: tuple[float, ...]
    tempo: float
    size: float
    level_db: float
    noise_db: float

    @property
    def british(self) -> bool:
        """Whether most of it speaks British English (names of such voices begin with b)."""
        return sum(s for v, s in zip(self.voices, self.shares) if v.startswith("b")) > 0.5

    @property
    def name(self) -> str:
        """The voices' names, for the manifest."""
        return "+".join(self.voices)


def speaker(names: Sequence[str], seed: Sequence[int]) -> Speaker:
    """Draw a speaker.

    Args:
        names: all voices; those of English ones begin with a or b.
        seed: the same seed gives the same speaker.
    """
    dice = np.random.default_rng(list(seed))
    english = [name for name in names if name[0] in "ab"] or list(names)
    others = [name for name in names if name not in english] or english
    count = int(dice.choice((1, 2, 2, 3)))
    voices = tuple(
        str(dice.choice(english if dice.random() < _ENGLISH_SHARE else others))
        for _ in range(count)
    )
    shares = tuple(float(share) for share in dice.dirichlet(np.ones(count)))
    tempo, size, level, noise = (
        float(dice.uniform(*bounds)) for bounds in (_TEMPO, _SIZE, _LEVEL_DB, _NOISE_DB)
    )
    return Speaker(voices, shares, tempo, size, level, noise)


def record(
    synthesiser: Kokoro, voices: dict[str, FloatArray], text: str, who: Speaker, seed: int
) -> FloatArray | None:
    """Return a sentence as a speaker says it, float32 (n,) at `RATE_HZ`; None if it cannot be said.

    Args:
        synthesiser: what speaks.
        voices: as of `kokoro.read_voice`, by name.
        text: what is said.
        who: says it.
        seed: of the noise.
    """
    tokens = synthesiser.tokens(text, who.british)
    if not 0 < len(tokens) < kokoro.MOST_TOKENS:
        return None
    style = sum(
        (share * voices[name][len(tokens)] for name, share in zip(who.voices, who.shares)),
        np.zeros(1, np.float32),
    )
    said = synthesiser.say(tokens, style, who.tempo / who.size)
    power = float(np.sqrt(np.mean(said**2)))
    if not power > 1e-4:  # nothing, or not a number
        return None
    samples = soxr.resample(said, kokoro.RATE_HZ * who.size, RATE_HZ)
    dice = np.random.default_rng(seed)
    noise = dice.normal(0, 10 ** (who.noise_db / 20), len(samples))
    samples = samples * (10 ** (who.level_db / 20) / power) + noise
    return cast(FloatArray, np.clip(samples, -1, 1).astype(np.float32))


@dataclass(frozen=True)
class _Work:
    """What one process does.

    Attributes:
        rank: its number.
        texts: see `sentences`.
        folder: where recordings go.
        model: Kokoro's file.
        voices: folder of its voices.
        seconds: of speech, at least.
        seed: of everything.
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


def _read_aloud(work: _Work) -> None:
    manifest = work.folder / f"part-{work.rank}.tsv"
    known = _rows(manifest)
    seconds = sum(float(row[2]) for row in known.values())
    if seconds >= work.seconds:
        return
    voices = {path.stem: kokoro.read_voice(path) for path in sorted(work.voices.glob("*.bin"))}
    synthesiser = Kokoro(work.model)
    with manifest.open("a", encoding="utf-8") as file:
        seed = work.seed * 1000 + work.rank
        held_out = HeldOut(
            clip.transcript for path in work.held_out for clip in read_data_set(path)
        )
        for number, text in enumerate(sentences(work.texts, seed, held_out)):
            name = f"{work.rank}-{number:06d}.flac"
            if name in known:
                continue
            if seconds >= work.seconds:
                return
            who = speaker(list(voices), (work.seed, work.rank, number))
            samples = record(synthesiser, voices, text, who, number)
            if samples is None:
                continue
            soundfile.write(str(work.folder / name), samples, RATE_HZ)
            length = len(samples) / RATE_HZ
            seconds += length
            row = (name, text.replace(",", ""), f"{length:.2f}", who.name, "kokoro")
            file.write("\t".join(row) + "\n")
            file.flush()
            if number % 50 == 49:
                print(f"{work.rank}: {seconds / 3600:.2f} h", file=sys.stderr)


def _rows(manifest: Path) -> dict[str, list[str]]:
    """Return the rows that are there by their recordings; one that was cut off is left out."""
    if not manifest.is_file():
        return {}
    with manifest.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row[0]: row for row in rows if len(row) == len(_COLUMNS)}


def synthesise(
    texts: Sequence[Path], folder: Path, model: Path, voices: Path,
    hours: float, processes: int = 2, seed: int = 1, held_out: Sequence[Path] = (),
) -> Path:  # fmt: skip
    """Make a data set of synthetic speech, or go on with it.

    Args:
        texts: one normalised sentence a line.
        folder: where it goes.
        model: Kokoro, the ONNX file with weights in 8 bits.
        voices: folder of its voices, ``NAME.bin`` each.
        hours: how much speech.
        processes: how many speak at once.
        seed: the same seed and number of processes give the same speech.
        held_out: data sets whose sentences are never said.

    Returns:
        The manifest.

    Raises:
        StreamerError: something is missing or cannot be read.
    """
    if not any(voices.glob("*.bin")):
        raise UsageError(f"{voices}: no voices (*.bin)", "name the folder of Kokoro's voices")
    folder.mkdir(parents=True, exist_ok=True)
    share = hours * 3600 / processes
    works = [
        _Work(rank, tuple(texts), folder, model, voices, share, seed, tuple(held_out))
        for rank in range(processes)
    ]
    if processes == 1:
        _read_aloud(works[0])
    else:
        # Ctrl-C ends this process, which ends the others.
        quiet = (signal.SIGINT, signal.SIG_IGN)
        with get_context("spawn").Pool(processes, signal.signal, quiet) as pool:
            pool.map(_read_aloud, works, chunksize=1)
    rows = [row for work in works for row in _rows(folder / f"part-{work.rank}.tsv").values()]
    manifest = folder / MANIFEST
    lines = ["\t".join(row) for row in [list(_COLUMNS), *rows]]
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return manifest


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("texts", nargs="+", type=Path, help="one sentence a line, .txt or .txt.xz")
    parser.add_argument("--output", "-o", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--model", type=Path, required=True, help="Kokoro, 8 bits, ONNX")
    parser.add_argument("--voices", type=Path, required=True, help="folder of voices, NAME.bin")
    parser.add_argument("--hours", type=float, default=8.0, help="of speech (8)")
    parser.add_argument("--processes", type=int, default=2, help="that speak at once (2)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--held-out", type=Path, action="append", default=[], metavar="MANIFEST",
        help="data set whose sentences are never said; may be repeated",
    )  # fmt: skip
    known = parser.parse_args(arguments)
    try:
        manifest = synthesise(
            known.texts, known.output, known.model, known.voices,
            known.hours, known.processes, known.seed, known.held_out,
        )  # fmt: skip
    except StreamerError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; the same command goes on with it", file=sys.stderr)
        return 130
    print(manifest)
    return 0


if __name__ == "__main__":
    sys.exit(main())
