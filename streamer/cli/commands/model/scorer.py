"""``streamer scorer``: a language model for your own jargon, names or language."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Optional

import typer

from streamer.cli.support.messages import echo
from streamer.training.language.settings import RecurrentSettings, ScorerSettings

#: Of a file of words: ten million words.
_MAX_CHARACTERS = 100_000_000


def build(
    texts: list[str] = typer.Argument(
        ..., metavar="TEXT[=WEIGHT]...", help="Texts, plain or .xz; a weight repeats one."
    ),
    output: Path = typer.Option(..., "--output", "-o", help="The .scorer to write."),
    model: str = typer.Option("english", help="Bundle whose alphabet spells the words."),
    order: int = typer.Option(ScorerSettings.order, min=2, max=6, help="Longest n-gram."),
    vocabulary: int = typer.Option(
        ScorerSettings.vocabulary, min=1, help="Maximum number of words that are counted."
    ),
    lexicon: int = typer.Option(
        ScorerSettings.lexicon, min=0,
        help="Maximum number of words that can be recognised; 0: all that are counted.",
    ),
    prune: str = typer.Option(
        ",".join(map(str, ScorerSettings.minimum_counts)),
        help="Prune n-grams seen no more often than this, a number per order.",
    ),
    words: Optional[Path] = typer.Option(
        None, help="Words to include regardless of their count, one per line."
    ),
    alpha: float = typer.Option(ScorerSettings.lm_alpha, help="Weight of the language model."),
    beta: float = typer.Option(ScorerSettings.lm_beta, help="Reward of a word."),
    raw: bool = typer.Option(
        False, "--raw", help="The texts are running text: split into sentences and normalise."
    ),
) -> None:  # fmt: skip
    """Build a scorer from texts.

    It needs KenLM's lmplz and build_binary on the PATH.
    """
    from streamer.bundle import load_bundle
    from streamer.decoding import read_alphabet
    from streamer.errors import UsageError
    from streamer.training.language.normalisation import split_sentences
    from streamer.training.language.scorer import (
        build_scorer,
        open_text,
        weighted_texts,
    )

    try:
        thresholds = tuple(int(number) for number in prune.split(","))
    except ValueError as error:
        raise UsageError(
            f"--prune {prune}: not whole numbers", "separate them with commas, as 0,0,1,2"
        ) from error
    settings = ScorerSettings(
        order=order,
        vocabulary=vocabulary,
        lexicon=lexicon,
        minimum_counts=thresholds[:order],
        lm_alpha=alpha,
        lm_beta=beta,
    )
    alphabet = read_alphabet(load_bundle(model).alphabet_path)
    weighted = weighted_texts(texts)
    extra = [] if words is None else _read_words(words)
    with tempfile.TemporaryDirectory() as folder:
        if raw:
            for number, (path, weight) in enumerate(weighted):
                normalised = Path(folder) / f"{number}.txt"
                with open_text(path) as source, open(normalised, "w", encoding="utf-8") as lines:
                    lines.writelines(line + "\n" for line in split_sentences(source.read()))
                weighted[number] = (normalised, weight)
        n_words = build_scorer(weighted, output, alphabet, settings, extra)
    size = output.stat().st_size / 1e6
    echo(f"{output}: {n_words} words, {size:.1f} MB", err=True)


def _read_words(path: Path) -> list[str]:
    from streamer.errors import UsageError
    from streamer.untrusted.user_files import read_user_text

    try:
        return read_user_text(path, _MAX_CHARACTERS).split()
    except OSError as error:
        raise UsageError(
            f"--words {path} cannot be read ({error.strerror})",
            "use a text file with one word per line",
        ) from error


def recurrent(
    texts: list[str] = typer.Argument(
        ..., metavar="TEXT[=WEIGHT]...",
        help="Texts of one sentence per line, plain or .xz; a weight repeats one.",
    ),
    scorer: Path = typer.Option(..., "--scorer", help="The .scorer whose words are used."),
    output: Path = typer.Option(..., "--output", "-o", help="The .safetensors to write."),
    model: str = typer.Option("english", help="Bundle whose alphabet spells the words."),
    start_from: Optional[Path] = typer.Option(None, "--from", help="Model to start from."),
    dev: Optional[Path] = typer.Option(None, help="Text whose perplexity is printed at the end."),
    minutes: float = typer.Option(
        RecurrentSettings.minutes, min=0.0, help="Duration of the training."
    ),
    rate: float = typer.Option(RecurrentSettings.lr, min=0.0, help="Learning rate."),
    constant: float = typer.Option(
        RecurrentSettings.lr_hold_share, min=0.0, max=0.99,
        help="Share of the training before the learning rate falls.",
    ),
    width: int = typer.Option(RecurrentSettings.n_hidden, min=1, help="Units of the LSTM."),
    vector: int = typer.Option(
        RecurrentSettings.embedding_size, min=1, help="Entries of a word's vector."
    ),
    seed: int = typer.Option(RecurrentSettings.seed, help="Random seed."),
) -> None:  # fmt: skip
    """Train a recurrent language model to use beside a scorer.

    It needs PyTorch. The model is written every ten minutes; `streamer export
    --recurrent` adds it to a bundle.
    """
    from streamer.training.requirements import need_torch

    need_torch()
    from streamer.bundle import load_bundle
    from streamer.decoding import read_alphabet, read_scorer
    from streamer.training.language.recurrent_training import train
    from streamer.training.language.scorer import open_text, weighted_texts

    weighted = weighted_texts(texts)
    words = read_scorer(scorer).words(read_alphabet(load_bundle(model).alphabet_path))
    settings = RecurrentSettings(
        n_hidden=width, embedding_size=vector, minutes=minutes, lr=rate, lr_hold_share=constant,
        seed=seed,
    )  # fmt: skip
    sentences: list[str] = []
    if dev is not None:
        with open_text(dev) as lines:
            sentences = lines.read().splitlines()
    train(
        weighted, words, output, settings, start_from, sentences,
        lambda line: echo(line, err=True),
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
