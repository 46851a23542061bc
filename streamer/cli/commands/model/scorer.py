"""``streamer scorer``: a language model of one's own jargon, names or language."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Optional

import typer


def build(
    texts: list[str] = typer.Argument(
        ..., metavar="TEXT[=WEIGHT]...", help="Texts, plain or .xz; a weight counts one repeatedly."
    ),
    output: Path = typer.Option(..., "--output", "-o", help="The .scorer to write."),
    model: str = typer.Option("english", help="Bundle whose alphabet spells the words."),
    order: int = typer.Option(4, min=2, max=6, help="Longest n-gram."),
    vocabulary: int = typer.Option(80_000, min=1, help="At most so many words are counted."),
    lexicon: int = typer.Option(
        0, min=0, help="At most so many words can be recognised; 0: all that are counted."
    ),
    prune: str = typer.Option(
        "0,0,1,2", help="Leave out n-grams seen no more often than this, a number an order."
    ),
    words: Optional[Path] = typer.Option(
        None, help="Words that belong in whatever their count, one a line."
    ),
    alpha: Optional[float] = typer.Option(None, help="Weight of the language model."),
    beta: Optional[float] = typer.Option(None, help="Reward of a word."),
    raw: bool = typer.Option(
        False, "--raw", help="The texts are running text: cut sentences, drop punctuation."
    ),
) -> None:
    """Build a scorer from texts (needs KenLM's lmplz and build_binary on the PATH)."""
    from streamer.bundle import load_bundle
    from streamer.decoding import read_alphabet
    from streamer.errors import UsageError
    from streamer.training.language.normalisation import sentences
    from streamer.training.language.scorer import (
        ScorerRecipe,
        build_scorer,
        open_text,
        weighted_texts,
    )

    try:
        thresholds = tuple(int(number) for number in prune.split(","))
    except ValueError as error:
        raise UsageError(
            f"--prune {prune}: not whole numbers", "write them with commas, as 0,0,1,2"
        ) from error
    recipe = ScorerRecipe(
        order=order,
        vocabulary=vocabulary,
        lexicon=lexicon,
        minimum_counts=thresholds[:order],
        lm_alpha=ScorerRecipe.lm_alpha if alpha is None else alpha,
        lm_beta=ScorerRecipe.lm_beta if beta is None else beta,
    )
    alphabet = read_alphabet(load_bundle(model).alphabet_path)
    weighted = weighted_texts(texts)
    extra = [] if words is None else words.read_text(encoding="utf-8").split()
    with tempfile.TemporaryDirectory() as folder:
        if raw:
            for number, (path, weight) in enumerate(weighted):
                spoken = Path(folder) / f"{number}.txt"
                with open_text(path) as source, open(spoken, "w", encoding="utf-8") as lines:
                    lines.writelines(line + "\n" for line in sentences(source.read()))
                weighted[number] = (spoken, weight)
        n_words = build_scorer(weighted, output, alphabet, recipe, extra)
    size = output.stat().st_size / 1e6
    typer.echo(f"{output}: {n_words} words, {size:.1f} MB", err=True)


def recurrent(
    texts: list[str] = typer.Argument(
        ..., metavar="TEXT[=WEIGHT]...",
        help="Texts of one sentence a line, plain or .xz; a weight counts one repeatedly.",
    ),
    scorer: Path = typer.Option(..., "--scorer", help="The .scorer whose words these are."),
    output: Path = typer.Option(..., "--output", "-o", help="The .safetensors to write."),
    model: str = typer.Option("english", help="Bundle whose alphabet spells the words."),
    start_from: Optional[Path] = typer.Option(None, "--from", help="Model to go on from."),
    dev: Optional[Path] = typer.Option(None, help="Text whose perplexity is told at the end."),
    minutes: float = typer.Option(60.0, min=0.0, help="Train so long."),
    rate: float = typer.Option(2e-3, min=0.0, help="Learning rate."),
    constant: float = typer.Option(
        0.25, min=0.0, max=0.99, help="Share of the time before the rate falls."
    ),
    width: int = typer.Option(512, min=1, help="Units of the LSTM."),
    vector: int = typer.Option(256, min=1, help="Entries of a word's vector."),
    seed: int = typer.Option(0, help="Of all dice."),
) -> None:  # fmt: skip
    """Train a recurrent language model to go beside a scorer (needs PyTorch).

    It is written every ten minutes; `streamer export --recurrent` puts it into a bundle.
    """
    from streamer.cli.commands.model.train import need_torch

    need_torch()
    from streamer.bundle import load_bundle
    from streamer.decoding import read_alphabet, read_scorer
    from streamer.training.language.recurrent import RecurrentRecipe, train
    from streamer.training.language.scorer import open_text, weighted_texts

    weighted = weighted_texts(texts)
    words = read_scorer(scorer).words(read_alphabet(load_bundle(model).alphabet_path))
    recipe = RecurrentRecipe(
        width=width, vector=vector, minutes=minutes, rate=rate, constant=constant, seed=seed
    )
    sentences: list[str] = []
    if dev is not None:
        with open_text(dev) as lines:
            sentences = lines.read().splitlines()
    train(
        weighted, words, output, recipe, start_from, sentences,
        lambda line: typer.echo(line, err=True),
    )  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add ``streamer scorer build`` and ``streamer scorer recurrent`` to the command line."""
    scorer = typer.Typer(no_args_is_help=True, help="Language models: build your own.")
    scorer.command("build")(build)
    scorer.command("recurrent")(recurrent)

    @scorer.callback()
    def group() -> None:
        """Language models: build your own."""

    app.add_typer(scorer, name="scorer")
