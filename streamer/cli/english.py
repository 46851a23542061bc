"""The whole recipe of the bundled model: from manifests and texts to a bundle.

    python -m streamer.cli.english --data SPEECH --text TEXT --output BUNDLE [options of train]

SPEECH holds ``train.tsv`` and ``dev.tsv``, TEXT any number of ``.txt`` and
``.txt.xz`` files of normalised sentences, one a line; ``name=WEIGHT`` after
``--weigh`` counts one of them more often. With ``--kokoro`` and ``--voices``, synthetic speech
is made of the texts and learned as well (`training.synthesis`). Interrupted, the same command
goes on where it was. KenLM's programs have to be on the PATH.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from streamer.decoding import read_scorer
from streamer.errors import StreamerError, UsageError
from streamer.training.data.manifests import read_data_set
from streamer.training.english.recipe import (
    ALPHABET,
    HEARING,
    RECURRENT_MINUTES,
    RECURRENT_WEIGHTS,
    SCORER,
    SENTENCES,
    SYNTHETIC_HOURS,
    WEIGHTS,
    gather_texts,
    texts_to_read,
)
from streamer.training.language.scorer import build_scorer


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the recipe; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of train.tsv, dev.tsv")
    parser.add_argument("--text", type=Path, required=True, help="folder of texts")
    parser.add_argument("--output", type=Path, required=True, help="bundle to write")
    parser.add_argument("--work", type=Path, default=Path("work/english"), help="caches")
    parser.add_argument("--weigh", action="append", default=[], metavar="NAME=WEIGHT")
    parser.add_argument(
        "--recurrent-minutes", type=float, default=RECURRENT_MINUTES,
        help="training of the recurrent language model",
    )  # fmt: skip
    parser.add_argument("--kokoro", type=Path, help="Kokoro, 8 bits, ONNX: synthetic speech too")
    parser.add_argument("--voices", type=Path, help="folder of its voices, NAME.bin")
    parser.add_argument("--hours", type=float, default=SYNTHETIC_HOURS, help="of synthetic speech")
    parser.add_argument("--no-tuning", action="store_true", help="keep the decoder's defaults")
    known, training = parser.parse_known_args(arguments)
    try:
        _run(known, training)
    except StreamerError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _run(known: argparse.Namespace, training: Sequence[str]) -> None:
    from streamer.cli.app import build_app
    from streamer.cli.commands.model.train import need_torch

    counted: dict[str, int] = {}
    for entry in known.weigh:
        name, _, number = entry.partition("=")
        if not number.isdigit() or int(number) < 1:
            raise UsageError(f"--weigh {entry}", "write NAME=WEIGHT with a whole number from 1")
        counted[name] = int(number)
    sources = sorted([*known.text.glob("*.txt"), *known.text.glob("*.txt.xz")])
    if not sources:
        raise UsageError(f"{known.text}: no .txt or .txt.xz", "name a folder with texts")
    if (known.kokoro is None) != (known.voices is None):
        raise UsageError("--kokoro and --voices belong together", "name both, or neither")
    need_torch()
    scorer = known.work / "english.scorer"
    recurrent = known.work / "english.recurrent.safetensors"
    synthetic: list[Path] = []
    files: list[Path] = []
    if known.kokoro is not None or not scorer.exists() or not recurrent.exists():
        files = gather_texts(sources, known.data, known.work / "text")
    if not scorer.exists():
        texts = _weighted(files, {**WEIGHTS, **counted})
        n_words = build_scorer(texts, scorer, ALPHABET, SCORER, extra_words=ALPHABET.labels[1:27])
        _say(f"{scorer}: {n_words} words, {scorer.stat().st_size / 1e6:.1f} MB")
    if not recurrent.exists():
        texts = _weighted(files, {**RECURRENT_WEIGHTS, **counted})
        _train_recurrent(texts, known, scorer, recurrent)
    if known.kokoro is not None:
        from streamer.training.synthesis.recordings import synthesise

        spoken = known.work / "synthetic"
        aloud = texts_to_read(files)
        synthetic = [synthesise(aloud, spoken, known.kokoro, known.voices, known.hours)]
    app = build_app()

    def train(name: str, *options: str, more: Sequence[Path] = ()) -> Path:
        folder: Path = known.work / name
        cache = known.work / "cache"
        data_sets = [str(path) for path in (known.data / "train.tsv", *more)]
        app(
            ["train", *data_sets, "--dev", str(known.data / "dev.tsv"),
             "--output", str(folder), "--cache", str(cache), *options, *training],
            standalone_mode=False,
        )  # fmt: skip
        return folder

    hearing = train("hearing", *HEARING)
    # Not before: it needs PyTorch, and the command says so better.
    from streamer.training.recipe import CHECKPOINT, PRONUNCIATIONS

    sentences = train("sentences", *SENTENCES, "--from", str(hearing / CHECKPOINT), more=synthetic)
    app(
        ["export", str(sentences / CHECKPOINT), "--output", str(known.output), "--name", "english",
         "--scorer", str(scorer), "--recurrent", str(recurrent),
         "--lexicon", str(known.work / "cache" / PRONUNCIATIONS)],
        standalone_mode=False,
    )  # fmt: skip
    if not known.no_tuning:
        from streamer.training import tune

        tune.main([str(known.output), str(known.data / "dev.tsv"), "--write"])


def _weighted(files: Sequence[Path], weights: dict[str, int]) -> list[tuple[Path, int]]:
    return [(file, weights.get(file.stem, 1)) for file in files]


def _train_recurrent(
    texts: Sequence[tuple[Path, int]], known: argparse.Namespace, scorer: Path, output: Path
) -> None:
    """Train the recurrent language model; goes on from what an earlier run left."""
    from streamer.training.language.recurrent import RecurrentRecipe, train

    unfinished = output.with_suffix(".part")
    train(
        texts,
        read_scorer(scorer).words(ALPHABET),
        unfinished,
        RecurrentRecipe(minutes=known.recurrent_minutes),
        unfinished if unfinished.exists() else None,
        [clip.transcript for clip in read_data_set(known.data / "dev.tsv")],
        _say,
    )
    unfinished.replace(output)


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
