"""The text model from its sources: corpus, casings, training, export, scores.

Each step is skipped where its result is there, and the training goes on from its checkpoint: the
same call resumes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from streamer.errors import UsageError
from streamer.text.model import (
    CASINGS_FILE,
    DESCRIPTION_FILE,
    OWN_CASINGS_FILE,
    ROUGH_FILE,
    bundled_folder,
)

#: Scores of the held-out sets, in the folder of the model.
SCORES_FILE = "scores.json"
CARD_FILE = "SCORES.md"
_DONE = "done"


@dataclass(frozen=True)
class TextModelSettings:
    """Settings of the recipe.

    Attributes:
        steps: of the training, 8,192 words each; it may not change when a training is resumed.
        words: of the books at most.
        vocabulary: words that the tagger knows.
        state: units of the recurrent layer; by default as many as `start_from` has, else 896.
        look_ahead: words that a decision waits for at most, an even number.
        workers: processes that train together.
        without_books: a table of books (id, title) that are not learnt from.
        without_lines: manifests; nothing that shares six words with their transcripts is learnt.
        every: read every n-th document only, for a first look.
        start_from: folder of a text model to go on from; it may get other words and more units.
        rate: learning rate at the beginning.
    """

    steps: int = 8_000
    words: int = 60_000_000
    vocabulary: int = 28_000
    state: int | None = None
    look_ahead: int = 8
    workers: int = 1
    without_books: Path | None = None
    without_lines: Sequence[Path] = ()
    every: int = 1
    start_from: Path | None = None
    rate: float = 1.5e-3


def make_text_model(
    sources: Path,
    output: Path,
    work: Path,
    settings: TextModelSettings,
    say: Callable[[str], None] = print,
) -> None:
    """Make a text model, or go on with it.

    Args:
        sources: folder of the collections (`streamer.training.text_model.sources`).
        output: folder of the model.
        work: folder for the corpus and the training.
        settings: of the recipe.
        say: called with a line before each step.

    Raises:
        UsageError: there is nothing to learn from.
    """
    from streamer.training.text_model import casings, evaluate, export, prepare, train

    corpus, run = work / "corpus", work / "training"
    if not (corpus / _DONE).exists():
        say(f"corpus: {corpus}")
        prepare.main(_prepare_arguments(sources, corpus, settings))
        missing = [n for n in train.SHARES if not (corpus / f"{n}.txt").exists()]
        if missing:
            raise UsageError(
                f"{sources} has no {', '.join(missing)}", "put the collections of all kinds there"
            )
        (corpus / _DONE).touch()
    run.mkdir(parents=True, exist_ok=True)
    if not (run / CASINGS_FILE).exists():
        say("casings")
        casings.main([str(corpus), str(run / CASINGS_FILE)])
    if not (run / DESCRIPTION_FILE).exists():
        say(f"training: {run}")
        given = [] if settings.start_from is None else ["--start", str(settings.start_from)]
        given += [] if settings.state is None else ["--state", str(settings.state)]
        train.main(
            [
                str(corpus), str(run), "--steps", str(settings.steps), "--rate", str(settings.rate),
                "--words", str(settings.vocabulary), "--look-ahead", str(settings.look_ahead),
                "--workers", str(settings.workers), *given,
            ]
        )  # fmt: skip
    say(f"model: {output}")
    export.main([str(run), str(output)])
    shutil.copy(run / CASINGS_FILE, output / CASINGS_FILE)
    for name in (OWN_CASINGS_FILE, ROUGH_FILE):
        if not (output / name).exists():
            shutil.copy(bundled_folder() / name, output / name)
    say("scores")
    evaluate.main([str(output), str(corpus), "--json", str(output / SCORES_FILE)])
    scores = json.loads((output / SCORES_FILE).read_text(encoding="utf-8"))
    (output / CARD_FILE).write_text(card(scores), encoding="utf-8")


def _prepare_arguments(sources: Path, corpus: Path, settings: TextModelSettings) -> list[str]:
    arguments = [str(sources), str(corpus), "--words", str(settings.words)]
    arguments += ["--every", str(settings.every)]
    if settings.without_books is not None:
        arguments += ["--without-books", str(settings.without_books)]
    if settings.without_lines:
        arguments += ["--without-lines", *map(str, settings.without_lines)]
    return arguments


def card(scores: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Return a table of scores in Markdown.

    Args:
        scores: what `evaluate` writes: set, mark, and its ``f1``, ``precision``, ``recall``.
    """
    rows = ["# Scores", "", "On held-out text, word by word, without pauses.", ""]
    rows += ["| set | what | F1 | precision | recall |", "| --- | --- | --- | --- | --- |"]
    for name, marks in scores.items():
        for mark, row in marks.items():
            values = " | ".join(f"{row[key]:.3f}" for key in ("f1", "precision", "recall"))
            rows.append(f"| {name} | {mark} | {values} |")
    return "\n".join(rows) + "\n"
