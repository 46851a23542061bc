"""The recipe of the bundled model as a command: from manifests and texts to a bundle.

    python -m streamer.training.english --data SPEECH --text TEXT --output BUNDLE [OPTIONS]

SPEECH is a folder with ``train.tsv`` and ``dev.tsv``, TEXT a folder with ``.txt`` and ``.txt.xz``
files of one normalised sentence per line. ``--weigh NAME=WEIGHT`` repeats one of them. ``--more``
names further manifests for all trainings but the first. With ``--kokoro`` and ``--voices``,
synthetic speech is made of the texts and learned there as well (`streamer.training.synthesis`).
OPTIONS of ``streamer train`` change all trainings of the network. The decoder's weights are tuned
and the confidence of words is fitted on half of the speakers of ``dev.tsv`` (the confidence also
on ``--unlike`` manifests of other speech). The same command resumes an interrupted run and skips
what is done. KenLM's programs must be on the PATH.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable

from streamer.bundle import write_bundle
from streamer.decoding import read_scorer
from streamer.errors import StreamerError, UsageError
from streamer.training.data.manifests import read_data_set
from streamer.training.english.recipe import (
    ALPHABET,
    CONDITIONS_STAGE,
    CONFIDENCE_CLIPS,
    CONSISTENCY_WEIGHT,
    CRF_STAGE,
    CTC_STAGE,
    DISTILLATION_WEIGHT,
    LAST_EPOCH,
    LAST_MULTI_CONDITION,
    LAST_NO_SPEECH,
    MULTI_CONDITION,
    RECURRENT,
    RECURRENT_WEIGHTS,
    SCORER,
    SYNTHETIC_HOURS,
    TUNING_CHANGES,
    WEIGHTS,
    WORKERS,
)
from streamer.training.english.texts import gather_texts, texts_to_read
from streamer.training.language.scorer import build_scorer
from streamer.training.requirements import need_torch
from streamer.training.settings import (
    FRONT_END,
    RECIPE_FLAGS,
    SETTING_FLAGS,
    Flag,
    Recipe,
    TrainingSettings,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    try:
        _run(_parser().parse_args(arguments))
    except StreamerError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; the same command resumes", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m streamer.training.english",
        description=(__doc__ or "").split("\n", 1)[0], allow_abbrev=False,
    )  # fmt: skip
    parser.add_argument("--data", type=Path, required=True, help="folder of train.tsv, dev.tsv")
    parser.add_argument("--text", type=Path, required=True, help="folder of texts")
    parser.add_argument("--output", type=Path, required=True, help="bundle to write")
    parser.add_argument("--work", type=Path, default=Path("work/english"), help="working folder")
    parser.add_argument(
        "--more", type=Path, action="append", default=[], metavar="MANIFEST",
        help="more speech to learn from; can be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--unlike", type=Path, action="append", default=[], metavar="MANIFEST",
        help="other speech, not learned from, for the confidence; can be repeated",
    )  # fmt: skip
    parser.add_argument("--weigh", action="append", default=[], metavar="NAME=WEIGHT")
    parser.add_argument(
        "--recurrent-minutes", type=float, default=RECURRENT.minutes,
        help="duration of the recurrent language model's training",
    )  # fmt: skip
    parser.add_argument("--kokoro", type=Path, help="Kokoro's 8-bit ONNX file: synthetic speech")
    parser.add_argument("--voices", type=Path, help="folder of its voices, NAME.bin")
    parser.add_argument("--hours", type=float, default=SYNTHETIC_HOURS, help="of synthetic speech")
    parser.add_argument("--no-tuning", action="store_true", help="keep the decoder's defaults")
    group = parser.add_argument_group("options of streamer train, for all trainings")
    for flags, defaults in ((SETTING_FLAGS, TrainingSettings), (RECIPE_FLAGS, Recipe)):
        for field, flag in flags.items():
            type_ = _bounded(type(getattr(defaults, field)), flag)
            group.add_argument(flag.name, dest=field, type=type_, default=argparse.SUPPRESS)
    group.add_argument("--teacher", type=Path, default=argparse.SUPPRESS)
    group.add_argument("--audio", type=Path, dest="audio_root", default=argparse.SUPPRESS)
    group.add_argument("--noise", type=Path, default=argparse.SUPPRESS)
    group.add_argument("--front-end", default=FRONT_END)
    group.add_argument("--no-phonemes", dest="phonemes", action="store_false")
    group.add_argument("--save-every", type=float, default=5.0)
    return parser


def _bounded(convert: Callable[[str], Any], flag: Flag) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        value = convert(text)
        if flag.least is not None and value < flag.least:
            raise argparse.ArgumentTypeError(f"{text} is less than {flag.least}")
        if flag.most is not None and value > flag.most:
            raise argparse.ArgumentTypeError(f"{text} is more than {flag.most}")
        return value

    parse.__name__ = getattr(convert, "__name__", "value")
    return parse


def _run(options: argparse.Namespace) -> None:
    weights = _weights(options.weigh)
    sources = sorted([*options.text.glob("*.txt"), *options.text.glob("*.txt.xz")])
    if not sources:
        raise UsageError(f"{options.text}: no .txt or .txt.xz", "name a folder of texts")
    if (options.kokoro is None) != (options.voices is None):
        raise UsageError("--kokoro and --voices belong together", "give both, or neither")
    need_torch()
    scorer = options.work / "english.scorer"
    recurrent = options.work / "english.recurrent.safetensors"
    files: list[Path] = []
    if options.kokoro is not None or not scorer.exists() or not recurrent.exists():
        files = gather_texts(sources, options.data, options.work / "text")
    if not scorer.exists():
        texts = _weighted(files, {**WEIGHTS, **weights})
        n_words = build_scorer(texts, scorer, ALPHABET, SCORER, extra_words=ALPHABET.labels[1:27])
        _say(f"{scorer}: {n_words} words, {scorer.stat().st_size / 1e6:.1f} MB")
    if not recurrent.exists():
        texts = _weighted(files, {**RECURRENT_WEIGHTS, **weights})
        _train_recurrent(texts, options, scorer, recurrent)
    synthetic: list[Path] = []
    if options.kokoro is not None:
        from streamer.training.synthesis.recordings import synthesise

        folder = options.work / "synthetic"
        aloud = texts_to_read(files)
        synthetic = [synthesise(aloud, folder, options.kokoro, options.voices, options.hours)]
    checkpoint = _train_network(options, synthetic)
    _export(options, checkpoint, scorer, recurrent)
    if not options.no_tuning:
        from streamer.training import confidence, tune

        dev = options.data / "dev.tsv"
        changes = ["--changed", str(TUNING_CHANGES)]
        if "noise" in options:
            changes += ["--noise", str(options.noise)]
        tune.main([str(options.output), str(dev), *changes, "--write"])
        confidence.main([
            *map(str, [dev, *options.unlike]), "--model", str(options.output),
            "--per-speaker", str(CONFIDENCE_CLIPS), "--write",
        ])  # fmt: skip


def _weights(entries: Sequence[str]) -> dict[str, int]:
    weights: dict[str, int] = {}
    for entry in entries:
        name, _, number = entry.partition("=")
        if not number.isdigit() or int(number) < 1:
            raise UsageError(f"--weigh {entry}", "write NAME=WEIGHT with a whole number from 1")
        weights[name] = int(number)
    return weights


def _weighted(files: Sequence[Path], weights: Mapping[str, int]) -> list[tuple[Path, int]]:
    return [(file, weights.get(file.stem, 1)) for file in files]


def _train_recurrent(
    texts: Sequence[tuple[Path, int]], options: argparse.Namespace, scorer: Path, output: Path
) -> None:
    """Train the recurrent language model, starting from what an interrupted run left."""
    from streamer.training.language.recurrent_training import train

    unfinished = output.with_suffix(".part")
    train(
        texts,
        read_scorer(scorer).words(ALPHABET),
        unfinished,
        replace(RECURRENT, minutes=options.recurrent_minutes),
        unfinished if unfinished.exists() else None,
        [clip.transcript for clip in read_data_set(options.data / "dev.tsv")],
        _say,
    )
    unfinished.replace(output)


def _train_network(options: argparse.Namespace, synthetic: Sequence[Path]) -> Path:
    """Train the stages one after the other; return the checkpoint of the mean of the last two."""
    from streamer.features import create_front_end
    from streamer.training.average import average_checkpoints
    from streamer.training.recipe import run

    given = vars(options)
    settings = {field: given[field] for field in SETTING_FLAGS if field in given}
    others = {
        field: given[field]
        for field in (*RECIPE_FLAGS, "teacher", "audio_root", "noise")
        if field in given
    }
    first = Recipe(
        train=[options.data / "train.tsv"], dev=[options.data / "dev.tsv"],
        folder=options.work / "hearing", settings=replace(CTC_STAGE, **settings),
        front_end=create_front_end({"kind": options.front_end}).describe(),
        phonemes=options.phonemes, caches=options.work / "cache",
        **{"workers": WORKERS, **others, "no_speech": 0.0},
    )  # fmt: skip
    second = replace(
        first, train=[*first.train, *options.more, *synthetic], folder=options.work / "sentences",
        settings=replace(CRF_STAGE, **settings),
    )  # fmt: skip
    third = replace(
        second, folder=options.work / "conditions", settings=replace(CONDITIONS_STAGE, **settings),
        multi_condition=others.get("multi_condition", MULTI_CONDITION),
    )  # fmt: skip
    checkpoint: Path | None = None
    for stage in (first, second, third):
        checkpoint = run(replace(stage, start_from=checkpoint), options.save_every * 60)
    last = replace(
        third, settings=replace(LAST_EPOCH, **settings), start_from=checkpoint,
        multi_condition=others.get("multi_condition", LAST_MULTI_CONDITION),
    )  # fmt: skip
    ways = _last_stages(last)
    mean = options.work / "mean.pt"
    found: Path = options.work / "english.pt"
    if not mean.exists():
        average_checkpoints([run(way, options.save_every * 60) for way in ways], mean)
    if not found.exists():
        quiet = replace(
            _two_views(last), start_from=mean, folder=options.work / "no-speech",
            no_speech=others.get("no_speech", LAST_NO_SPEECH),
        )  # fmt: skip
        average_checkpoints([mean, run(quiet, options.save_every * 60)], found)
    return found


def _last_stages(recipe: Recipe) -> list[Recipe]:
    """Return the ways of the last stage but one, each in a folder of its own."""
    ways = {"one-view": recipe, "two-views": _two_views(recipe)}
    if recipe.teacher is not None:
        taught = replace(recipe.settings, distillation_weight=DISTILLATION_WEIGHT)
        ways["teacher"] = replace(recipe, settings=taught)
    return [replace(way, folder=recipe.folder.parent / name) for name, way in ways.items()]


def _two_views(recipe: Recipe) -> Recipe:
    return replace(recipe, settings=replace(recipe.settings, consistency_weight=CONSISTENCY_WEIGHT))


def _export(options: argparse.Namespace, checkpoint: Path, scorer: Path, recurrent: Path) -> None:
    from streamer.training.export import export
    from streamer.training.preparation import PRONUNCIATIONS

    bundle = export(
        checkpoint, options.output, name="english", scorer=scorer, recurrent=recurrent,
        lexicon=options.work / "cache" / PRONUNCIATIONS, progress=_say,
    )  # fmt: skip
    # It costs a tenth of a point (RESULTS.md) and takes a fifth of the time.
    write_bundle(replace(bundle, preferred="onnx-int8"))


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
