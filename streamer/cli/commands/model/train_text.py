"""``streamer train-text``: the text model of a language from printed text."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import typer

from streamer.cli.support.messages import echo
from streamer.errors import UsageError


def train_text(
    sources: Path = typer.Argument(
        ..., help="Folder of text collections; docs/training.md says which."
    ),
    output: Path = typer.Option(..., "--output", "-o", help="Folder of the text model."),
    work: Optional[Path] = typer.Option(
        None, "--work", help="Folder for corpus and checkpoints; OUTPUT.work by default."
    ),
    steps: int = typer.Option(
        8_000, min=1, help="Steps of 8,192 words; the same when it is resumed."
    ),
    words: int = typer.Option(60_000_000, min=1, help="Words of books, at most."),
    vocabulary: int = typer.Option(28_000, min=1, help="Words that the tagger knows."),
    state: Optional[int] = typer.Option(
        None, min=1, help="Units of the recurrent layer; 896, or as the model of --from."
    ),
    look_ahead: int = typer.Option(
        8, min=2, help="Words that a decision waits for, at most; an even number."
    ),
    start_from: Optional[Path] = typer.Option(
        None, "--from", help="Text model to go on from; it may get other words and more units."
    ),
    rate: float = typer.Option(1.5e-3, min=1e-6, help="Learning rate at the beginning."),
    workers: int = typer.Option(1, min=1, help="Processes that train together."),
    every: int = typer.Option(1, min=1, help="Read every n-th document only, for a first look."),
    without_books: Optional[Path] = typer.Option(
        None, "--without-books", help="Table of books not to learn from: id, title."
    ),
    without_lines: Optional[list[Path]] = typer.Option(
        None, "--without-lines",
        help="Manifest whose sentences are not to be learnt; may be repeated.",
    ),
) -> None:  # fmt: skip
    """Train punctuation and capitals from printed text; the same command resumes."""
    from streamer.training.requirements import need_torch

    need_torch()
    from streamer.text.model import TAGGER_FILE
    from streamer.training.text_model.recipe import TextModelSettings, make_text_model

    if look_ahead % 2:
        raise UsageError(f"--look-ahead {look_ahead} is odd", f"say {look_ahead + 1}")
    if start_from is not None and not (start_from / TAGGER_FILE).is_file():
        raise UsageError(f"{start_from} is not a text model", f"give a folder with {TAGGER_FILE}")
    settings = TextModelSettings(
        steps, words, vocabulary, state, look_ahead, workers, without_books, without_lines or (),
        every, start_from, rate,
    )  # fmt: skip
    work = work or output.with_name(output.name + ".work")
    make_text_model(sources, output, work, settings, lambda line: echo(line, err=True))


def register(app: typer.Typer) -> None:
    """Add ``streamer train-text`` to the command line."""
    app.command("train-text")(train_text)
