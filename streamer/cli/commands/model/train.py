"""``streamer train``: an acoustic model from one's own recordings."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import typer

if TYPE_CHECKING:
    from streamer.training.recipe import Log

_DATA = "Data"
_NETWORK = "Network and schedule"
_AUGMENTATION = "Augmentation"


def train(
    data: list[Path] = typer.Argument(
        ...,
        help="What to learn from: TSV with path and transcript, Common Voice TSV, DeepSpeech CSV, "
        "or a LibriSpeech folder; several are joined.",
    ),
    output: Path = typer.Option(
        ..., "--output", "-o", help="Folder of caches, checkpoints, log and plot; resumes from it."
    ),
    dev: Optional[list[Path]] = typer.Option(
        None, "--dev", help="What to judge each epoch by; the same layouts.",
        rich_help_panel=_DATA,
    ),
    audio: Optional[Path] = typer.Option(
        None, "--audio", help="Folder that paths in manifests start from; else the manifest's own.",
        rich_help_panel=_DATA,
    ),
    caches: Optional[Path] = typer.Option(
        None, "--cache",
        help="Folder of features and pronunciations, to share among trainings; else in the output.",
        rich_help_panel=_DATA,
    ),
    bundle: Optional[Path] = typer.Option(
        None, "--bundle", help="Afterwards write a bundle here, as streamer export does.",
        rich_help_panel=_DATA,
    ),
    start_from: Optional[Path] = typer.Option(
        None, "--from", help="Checkpoint to begin with, so that little data adapts a good model.",
        rich_help_panel=_DATA,
    ),
    processes: int = typer.Option(
        2, "--processes", min=1, help="Processes that read recordings, and threads that train.",
        rich_help_panel=_DATA,
    ),
    front_end: str = typer.Option(
        "python_speech_features", "--front-end", help="python_speech_features or deepspeech.",
        rich_help_panel=_NETWORK,
    ),
    width: int = typer.Option(
        512, "--width", min=1, help="Units of each layer.", rich_help_panel=_NETWORK
    ),
    minutes: float = typer.Option(
        0.0, "--minutes", min=0.0,
        help="Train so long; the learning rate reaches zero then, whatever the speed.",
        rich_help_panel=_NETWORK,
    ),
    epochs: int = typer.Option(
        30, "--epochs", min=1, help="Passes over the data, where no --minutes are given.",
        rich_help_panel=_NETWORK,
    ),
    batch: float = typer.Option(
        120.0, "--batch", min=1.0, help="Seconds of speech in a batch.", rich_help_panel=_NETWORK
    ),
    first_batch: float = typer.Option(
        60.0, "--first-batch", min=1.0,
        help="The same in the first epoch; it grows by as much in each one.",
        rich_help_panel=_NETWORK,
    ),
    muon: float = typer.Option(
        0.02, "--muon", min=0.0,
        help="Learning rate of Muon for the hidden matrices; 0: AdamW for all.",
        rich_help_panel=_NETWORK,
    ),
    adam: float = typer.Option(
        2e-3, "--adam", min=0.0, help="Learning rate of AdamW.", rich_help_panel=_NETWORK
    ),
    dropout: float = typer.Option(
        0.1, "--dropout", min=0.0, max=0.9, help="Share of units silenced.",
        rich_help_panel=_NETWORK,
    ),
    phonemes: bool = typer.Option(
        True, "--phonemes/--no-phonemes", help="Phonemes as a second task (English).",
        rich_help_panel=_NETWORK,
    ),
    sentences: float = typer.Option(
        0.0, "--sentences", min=0.0, max=1.0,
        help="How much the phonemes are learned as whole sentences against all others: for "
        "going on --from a network that already hears them; 0.9 serves well.",
        rich_help_panel=_NETWORK,
    ),
    letter_weight: float = typer.Option(
        1.0, "--letter-weight", min=0.0, help="Weight of the letters' loss.",
        rich_help_panel=_NETWORK,
    ),
    teacher: Optional[Path] = typer.Option(
        None, "--teacher",
        help="Folder of a Whisper model for CTranslate2; its encoder's vectors are a third task.",
        rich_help_panel=_NETWORK,
    ),
    workers: int = typer.Option(
        1, "--workers", min=1,
        help="Processes that train together, each on its share of a batch: faster than threads "
        "where others use the CPU as well.",
        rich_help_panel=_NETWORK,
    ),
    seed: int = typer.Option(1, "--seed", help="Of all dice.", rich_help_panel=_NETWORK),
    strength: float = typer.Option(
        1.0, "--augmentation", min=0.0, max=1.0,
        help="Strength of the changes to coefficients: tempo, vocal tract, gain, tilt, noise, "
        "tail, masks. They begin when --clean-until is reached.",
        rich_help_panel=_AUGMENTATION,
    ),
    clean_until: float = typer.Option(
        1.0, "--clean-until", min=0.0,
        help="No augmentation before the loss per letter is below this.",
        rich_help_panel=_AUGMENTATION,
    ),
    ramp: int = typer.Option(
        1000, "--ramp", min=1, help="Steps over which it then grows to full strength.",
        rich_help_panel=_AUGMENTATION,
    ),
    copies: int = typer.Option(
        0, "--copies", min=0,
        help="Changed copies of the speech: speed, rooms, noise, clipping, bands, codecs.",
        rich_help_panel=_AUGMENTATION,
    ),
    multi_condition: float = typer.Option(
        0.0, "--multi-condition", min=0.0, max=1.0,
        help="Share of the clips that get such changes anew each time they are learned; begins "
        "with the augmentation.",
        rich_help_panel=_AUGMENTATION,
    ),
    noise: Optional[Path] = typer.Option(
        None, "--noise", help="Folder of recorded noises for both of these.",
        rich_help_panel=_AUGMENTATION,
    ),
    save_every: float = typer.Option(
        5.0, "--save-every", min=0.01, help="Minutes between checkpoints.",
        rich_help_panel=_NETWORK,
    ),
) -> None:  # fmt: skip
    """Train an acoustic model. Interrupted, the same command goes on where it was.

    The order that works with little speech: small clean batches first, short
    clips before long ones, augmentation by degrees once it spells. On two CPU
    cores 15 hours of speech need a night for a good model, with --width 512.
    """
    need_torch()
    import torch

    from streamer.errors import UsageError
    from streamer.features import create_front_end
    from streamer.training.network.trainer import TrainingSettings
    from streamer.training.recipe import PRONUNCIATIONS, Recipe
    from streamer.training.recipe import train as run

    if strength and clean_until <= 0:
        raise UsageError(
            "--clean-until 0 never lets the augmentation begin", "add --augmentation 0"
        )
    settings = TrainingSettings(
        n_hidden=width, epochs=epochs, minutes=minutes, batch_s=batch, first_batch_s=first_batch,
        muon_lr=muon, adam_lr=adam, dropout=dropout, clean_until=clean_until, ramp_steps=ramp,
        strength=strength, seed=seed, sentence_weight=sentences,
        letter_weight=letter_weight,
    )  # fmt: skip
    recipe = Recipe(
        train=data, dev=dev or [], folder=output, settings=settings,
        front_end=create_front_end({"kind": front_end}).describe(), audio_root=audio,
        copies=copies, multi_condition=multi_condition, noise=noise, phonemes=phonemes,
        teacher=teacher, processes=processes,
        start_from=start_from, workers=workers, caches=caches,
    )  # fmt: skip
    torch.set_num_threads(max(1, processes // workers))
    # Tiny gradients as denormal numbers are a hundred times slower.
    torch.set_flush_denormal(True)
    output.mkdir(parents=True, exist_ok=True)
    with _log(output / "training.log") as log:
        checkpoint = run(recipe, log, save_every * 60)
        log.say(f"checkpoint: {checkpoint}")
        if bundle is not None:
            from streamer.training.export import export

            export(
                checkpoint, bundle, name=bundle.name, progress=log.say,
                lexicon=recipe.cache / PRONUNCIATIONS,
            )  # fmt: skip
            log.say(f"bundle: {bundle}")


def need_torch() -> None:
    """Say what to install where PyTorch is missing.

    Raises:
        StreamerError: it cannot be imported.
    """
    from streamer.errors import StreamerError

    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise StreamerError(
            "training needs PyTorch, which is not installed", 'pip install "streamer[train]"'
        ) from error


@contextmanager
def _log(path: Path) -> Iterator[Log]:
    """Give a log that goes to standard error and to a file, with a bar where it is a terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from streamer.training.recipe import Log

    console = Console(file=sys.stderr, highlight=False, soft_wrap=True)

    class Shown(Log):
        def say(self, line: str) -> None:
            console.print(line, markup=False)
            file.write(line + "\n")
            file.flush()

        def follow(self, what: str, items: Any, count: int) -> Any:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            )  # fmt: skip
            with Progress(*columns, console=console) as progress:
                yield from progress.track(items, total=count, description=what)
            file.write(f"{what}: {count}\n")

    with path.open("a", encoding="utf-8") as file:
        yield Shown()


def register(app: typer.Typer) -> None:
    """Add ``streamer train`` to the command line."""
    app.command("train")(train)
