"""The whole recipe of the bundled model: from manifests and texts to a bundle.

    python -m streamer.training.english --data SPEECH --text TEXT --output BUNDLE

SPEECH holds ``train.tsv`` and ``dev.tsv``, TEXT any number of ``.txt`` and
``.txt.xz`` files of normalised sentences, one a line; ``name=WEIGHT`` after
``--weigh`` counts one of them more often. Interrupted, the same command goes on
where it was. KenLM's programs have to be on the PATH.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from streamer.decoding import Alphabet
from streamer.errors import StreamerError, UsageError
from streamer.training.data import read_data_set
from streamer.training.held_out import HeldOut
from streamer.training.prompts import prompts
from streamer.training.scorer import ScorerRecipe, build_scorer, open_text

ALPHABET = Alphabet(" abcdefghijklmnopqrstuvwxyz'")
#: How often kinds of text count: spoken style is rarer than books and nearer to use.
WEIGHTS = {"speeches": 3, "dialogue": 4, "prompts": 2, "transcripts": 8}
#: Sizes of the bundled scorer.
SCORER = ScorerRecipe(vocabulary=80_000, lexicon=50_000, minimum_counts=(0, 2, 6, 9))
N_PROMPTS = 250_000
#: Words worth spelling have been said more than once and are not very long.
SPELLABLE = range(3, 12)


def _words_to_spell(texts: Sequence[Path]) -> List[str]:
    counts: Counter[str] = Counter()
    for path in texts:
        with open_text(path) as lines:
            for line in lines:
                counts.update(line.split())
    return sorted(w for w, n in counts.items() if n > 1 and len(w) in SPELLABLE)


def gather_texts(
    sources: Sequence[Path], data: Path, folder: Path, n_prompts: int = N_PROMPTS
) -> List[Path]:
    """Write the texts of the language model into a folder, without what dev says.

    Args:
        sources: texts of one normalised sentence a line.
        data: folder with ``train.tsv`` and ``dev.tsv``.
        folder: where they go, a file for each source, prompts and transcripts too.
        n_prompts: how many spoken-style sentences are made.

    Returns:
        The files.
    """
    held_out = HeldOut(clip.transcript for clip in read_data_set(data / "dev.tsv"))
    folder.mkdir(parents=True, exist_ok=True)
    files = []

    def write(name: str, lines: Iterator[str]) -> None:
        path = folder / f"{name}.txt"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in held_out.without(lines) if line)
        files.append(path)

    for source in sources:
        with open_text(source) as lines:
            write(source.name.split(".")[0], (" ".join(line.split()) for line in lines))
    write("transcripts", (clip.transcript for clip in read_data_set(data / "train.tsv")))
    spoken = [f for f in files if f.stem in WEIGHTS] or files
    write("prompts", prompts(n_prompts, _words_to_spell(spoken)))
    return files


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the recipe; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of train.tsv, dev.tsv")
    parser.add_argument("--text", type=Path, required=True, help="folder of texts")
    parser.add_argument("--output", type=Path, required=True, help="bundle to write")
    parser.add_argument("--work", type=Path, default=Path("work/english"), help="caches")
    parser.add_argument("--weigh", action="append", default=[], metavar="NAME=WEIGHT")
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

    weights: Dict[str, int] = dict(WEIGHTS)
    for entry in known.weigh:
        name, _, number = entry.partition("=")
        if not number.isdigit() or int(number) < 1:
            raise UsageError(f"--weigh {entry}", "write NAME=WEIGHT with a whole number from 1")
        weights[name] = int(number)
    sources = sorted([*known.text.glob("*.txt"), *known.text.glob("*.txt.xz")])
    if not sources:
        raise UsageError(f"{known.text}: no .txt or .txt.xz", "name a folder with texts")
    scorer = known.work / "english.scorer"
    if not scorer.exists():
        files = gather_texts(sources, known.data, known.work / "text")
        texts: List[Tuple[Path, int]] = [(file, weights.get(file.stem, 1)) for file in files]
        n_words = build_scorer(texts, scorer, ALPHABET, SCORER, extra_words=ALPHABET.labels[1:27])
        print(f"{scorer}: {n_words} words, {scorer.stat().st_size / 1e6:.1f} MB", file=sys.stderr)
    app = build_app()
    app(
        ["train", str(known.data / "train.tsv"), "--dev", str(known.data / "dev.tsv"),
         "--output", str(known.work / "training"), *training],
        standalone_mode=False,
    )  # fmt: skip
    checkpoint = known.work / "training" / "last.pt"
    app(
        ["export", str(checkpoint), "--output", str(known.output), "--name", "english",
         "--scorer", str(scorer)],
        standalone_mode=False,
    )  # fmt: skip
    if not known.no_tuning:
        from streamer.training import tune

        tune.main([str(known.output), str(known.data / "dev.tsv"), "--write"])


if __name__ == "__main__":
    sys.exit(main())
