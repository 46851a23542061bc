"""``streamer export``: a trained network becomes a bundle that streamer runs."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import typer


def export(
    checkpoint: Path = typer.Argument(..., help="Checkpoint of streamer train (last.pt)."),
    output: Path = typer.Option(..., "--output", "-o", help="Folder of the bundle."),
    name: str = typer.Option("", "--name", help="Name of the model; else that of the folder."),
    version: str = typer.Option("0.1.0", "--version", help="Version of the model."),
    licence: str = typer.Option("", "--licence", help="Licence of the model."),
    summary: str = typer.Option("", "--summary", help="One sentence about the model."),
    data: str = typer.Option("", "--data", help="What it was trained on, in words."),
    scorer: Optional[Path] = typer.Option(None, "--scorer", help="Language model to put in."),
    lexicon: Optional[Path] = typer.Option(
        None,
        "--lexicon",
        help="How words are spoken (english.lexicon.gz of a model): for a network that hears "
        "phonemes, with --scorer. Else what the training left beside the checkpoint, or it is "
        "learned anew.",
    ),
    recurrent: Optional[Path] = typer.Option(
        None, "--recurrent", help="Recurrent language model to put in, with --scorer."
    ),
    steps: int = typer.Option(
        16, "--steps", min=1, max=64, help="Steps in a window: fewer, less delay."
    ),
    slim: Optional[Path] = typer.Option(
        None, "--slim", help="Also write a small checkpoint here, to begin with (train --from)."
    ),
    form: Optional[list[str]] = typer.Option(
        None,
        "--format",
        help="onnx, onnx-int8, mlprogram or safetensors; may be given more than once. "
        "The first three if not given.",
    ),
) -> None:
    """Write a bundle: ONNX in float32 and int8, Core ML, model.json."""
    from streamer.cli.commands.model.train import need_torch
    from streamer.errors import UsageError

    known = {
        "onnx": ("onnx", "fp32"),
        "onnx-int8": ("onnx", "int8"),
        "mlprogram": ("mlprogram", "fp16"),
        "safetensors": ("safetensors", "fp32"),
    }
    for wanted in form or []:
        if wanted not in known:
            raise UsageError(f"--format {wanted} is not known", f"use one of {', '.join(known)}")
    need_torch()
    from streamer.training.export import FORMS, write_slim
    from streamer.training.export import export as run

    bundle = run(
        checkpoint,
        output,
        name=name or output.resolve().name,
        version=version,
        licence=licence,
        summary=summary,
        data=data,
        scorer=scorer,
        lexicon=lexicon,
        recurrent=recurrent,
        steps=steps,
        forms=[known[wanted] for wanted in form] if form else FORMS,
        progress=lambda what: typer.echo(what, err=True),
    )
    if slim is not None:
        write_slim(checkpoint, slim)
    for kind, path in bundle.networks.items():
        typer.echo(f"{kind}\t{path}")
    typer.echo(f"use it with: streamer --model {output}", err=True)


def register(app: typer.Typer) -> None:
    """Add ``streamer export`` to the command line."""
    app.command("export")(export)
