"""``streamer train``: an acoustic model from your own recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import typer

from streamer.cli.support.messages import echo
from streamer.training.settings import (
    FRONT_END,
    RECIPE_FLAGS,
    SETTING_FLAGS,
    Flag,
    Recipe,
    TrainingSettings,
)

_DATA = "Data"
_NETWORK = "Network and schedule"
_AUGMENTATION = "Augmentation"


def _option(default: Any, flag: Flag, help_: str, panel: str) -> Any:
    return typer.Option(
        default, flag.name, min=flag.least, max=flag.most, help=help_, rich_help_panel=panel
    )


def _setting(field: str, help_: str, panel: str = _NETWORK) -> Any:
    """Return an option that sets a field of `TrainingSettings`; its default is the field's."""
    return _option(getattr(TrainingSettings, field), SETTING_FLAGS[field], help_, panel)


def _recipe(field: str, help_: str, panel: str) -> Any:
    """Return an option that sets a field of `Recipe`; its default is the field's."""
    return _option(getattr(Recipe, field), RECIPE_FLAGS[field], help_, panel)


def train(
    data: list[Path] = typer.Argument(
        ...,
        help="Training data: TSV with path and transcript, Common Voice TSV, DeepSpeech CSV, "
        "or a LibriSpeech folder; several are joined.",
    ),
    output: Path = typer.Option(
        ..., "--output", "-o",
        help="Folder for caches, checkpoints, log and plot; a training in it is resumed.",
    ),
    dev: Optional[list[Path]] = typer.Option(
        None, "--dev", help="Data for the evaluation after each epoch, in the same formats.",
        rich_help_panel=_DATA,
    ),
    audio: Optional[Path] = typer.Option(
        None, "--audio",
        help="Folder that relative paths in manifests start from; the manifest's own by default.",
        rich_help_panel=_DATA,
    ),
    caches: Optional[Path] = typer.Option(
        None, "--cache",
        help="Folder of features and pronunciations, which trainings can share; in the output "
        "folder by default.",
        rich_help_panel=_DATA,
    ),
    bundle: Optional[Path] = typer.Option(
        None, "--bundle", help="Write a bundle here afterwards, as streamer export does.",
        rich_help_panel=_DATA,
    ),
    start_from: Optional[str] = typer.Option(
        None, "--from", metavar="CHECKPOINT|FOLDER|NAME",
        help="Checkpoint, bundle or model to start from, so that a little data adapts a good "
        "model.",
        rich_help_panel=_DATA,
    ),
    processes: int = _recipe(
        "processes", "Processes that read recordings, and threads that train.", _DATA
    ),
    front_end: str = typer.Option(
        FRONT_END, "--front-end", help="python_speech_features or deepspeech.",
        rich_help_panel=_NETWORK,
    ),
    n_hidden: int = _setting("n_hidden", "Units in each hidden layer."),
    minutes: float = _setting(
        "minutes",
        "Duration of the training; the learning rate reaches zero at its end, whatever the speed.",
    ),
    epochs: int = _setting("epochs", "Passes over the data, unless --minutes is given."),
    batch_s: float = _setting("batch_s", "Seconds of speech in a batch."),
    first_batch_s: float = _setting(
        "first_batch_s", "The same in the first epoch; each further epoch adds as much."
    ),
    muon_lr: float = _setting(
        "muon_lr", "Learning rate of Muon for the hidden matrices; 0: AdamW for all."
    ),
    adam_lr: float = _setting("adam_lr", "Learning rate of AdamW."),
    dropout: float = _setting("dropout", "Share of units that are dropped."),
    phonemes: bool = typer.Option(
        Recipe.phonemes, "--phonemes/--no-phonemes",
        help="Learn phonemes beside letters (English).", rich_help_panel=_NETWORK,
    ),
    crf_weight: float = _setting(
        "crf_weight",
        "Weight of CTC-CRF: phonemes are learned as whole sentences against all others. For a "
        "training --from a network with phonemes; 0.9 works well.",
    ),
    n_leaves: int = _setting(
        "n_leaves",
        "Tell phonemes by the one before them, with about as many labels (600 for 15 hours); "
        "0: phonemes as they are. A network --from keeps its labels.",
    ),
    letter_weight: float = _setting("letter_weight", "Weight of the letters' loss."),
    consistency_weight: float = _setting(
        "consistency_weight",
        "Weight of the agreement of two differently masked views of each clip (CR-CTC, whose "
        "authors take 0.2). An epoch takes twice as long.",
    ),
    teacher: Optional[Path] = typer.Option(
        None, "--teacher",
        help="Folder of a Whisper model for CTranslate2; its encoder's vectors are learned too.",
        rich_help_panel=_NETWORK,
    ),
    distillation_weight: float = _setting(
        "distillation_weight", "Weight of what --teacher teaches."
    ),
    workers: int = _recipe(
        "workers",
        "Processes that train together, each on its share of a batch: faster than threads "
        "on a CPU with other load.",
        _NETWORK,
    ),
    normalise: bool = typer.Option(
        TrainingSettings.normalise, "--normalise/--no-normalise",
        help="Normalise coefficients by the running mean and deviation of their stream.",
        rich_help_panel=_NETWORK,
    ),
    seed: int = _setting("seed", "Random seed."),
    strength: float = _setting(
        "strength",
        "Strength of the augmentation: tempo, vocal tract, gain, tilt, noise, reverberation, "
        "masks. It begins when --clean-until is reached.",
        _AUGMENTATION,
    ),
    clean_until: float = _setting(
        "clean_until", "No augmentation before the loss per letter is below this.", _AUGMENTATION
    ),
    ramp_steps: int = _setting(
        "ramp_steps", "Steps over which it then grows to full strength.", _AUGMENTATION
    ),
    augmented_copies: int = _recipe(
        "augmented_copies",
        "Additional copies of the speech with changed speed, rooms, noise, clipping, bands and "
        "codecs.",
        _AUGMENTATION,
    ),
    multi_condition: float = _recipe(
        "multi_condition",
        "Share of the clips that get such changes anew each time they are learned; begins with "
        "the augmentation.",
        _AUGMENTATION,
    ),
    no_speech: float = _recipe(
        "no_speech",
        "Share of the clips in whose place there is noise alone, with --multi-condition: babble, "
        "too, has no words.",
        _AUGMENTATION,
    ),
    noise: Optional[Path] = typer.Option(
        None, "--noise", help="Folder of recorded noises for all of these.",
        rich_help_panel=_AUGMENTATION,
    ),
    save_every: float = typer.Option(
        5.0, "--save-every", min=0.01, help="Minutes between checkpoints.",
        rich_help_panel=_NETWORK,
    ),
) -> None:  # fmt: skip
    """Train an acoustic model. The same command resumes an interrupted training.

    The schedule is made for little speech: small clean batches first, short
    clips before long ones, augmentation once the network spells. On two CPU
    cores, 15 hours of speech take a night for a good model with --width 512.
    """
    values = locals()
    from streamer.training.requirements import need_torch

    need_torch()
    from streamer.errors import UsageError
    from streamer.features import create_front_end
    from streamer.training.recipe import run

    if strength and clean_until <= 0:
        raise UsageError("augmentation never begins with --clean-until 0", "add --augmentation 0")
    if no_speech and not multi_condition:
        raise UsageError(
            "--no-speech is a share of the clips that --multi-condition changes",
            "add --multi-condition 0.75",
        )
    recipe = Recipe(
        train=data, dev=dev or [], folder=output,
        settings=TrainingSettings(
            normalise=normalise, **{field: values[field] for field in SETTING_FLAGS}
        ),
        front_end=create_front_end({"kind": front_end}).describe(), audio_root=audio,
        noise=noise, phonemes=phonemes, teacher=teacher, start_from=start_from, caches=caches,
        **{field: values[field] for field in RECIPE_FLAGS},
    )  # fmt: skip
    checkpoint = run(recipe, save_every * 60)
    if bundle is not None:
        from streamer.training.export import export
        from streamer.training.preparation import PRONUNCIATIONS

        export(
            checkpoint, bundle, name=bundle.name, lexicon=recipe.cache / PRONUNCIATIONS,
            progress=lambda line: echo(line, err=True),
        )  # fmt: skip
        echo(f"bundle: {bundle}", err=True)


def register(app: typer.Typer) -> None:
    """Add ``streamer train`` to the command line."""
    app.command("train")(train)
