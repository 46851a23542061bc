"""``streamer export``: a bundle from a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import typer

from streamer.cli.support.messages import echo
from streamer.cli.support.network_options import SHAPE_OPTION


def export(
    checkpoint: Path = typer.Argument(..., help="Checkpoint of streamer train (last.pt)."),
    output: Path = typer.Option(..., "--output", "-o", help="Folder of the bundle."),
    name: str = typer.Option("", "--name", help="Name of the model; the folder's by default."),
    version: str = typer.Option("0.1.0", "--version", help="Version of the model."),
    licence: str = typer.Option("", "--licence", help="Licence of the model."),
    author: str = typer.Option("", "--author", help="Author of the model."),
    summary: str = typer.Option("", "--summary", help="One sentence about the model."),
    data: str = typer.Option("", "--data", help="Description of the training data."),
    scorer: Optional[Path] = typer.Option(None, "--scorer", help="Language model to include."),
    lexicon: Optional[Path] = typer.Option(
        None,
        "--lexicon",
        help="Pronunciations (english.lexicon.gz of a model), for a network with phonemes and a "
        "--scorer. By default those that the training wrote beside the checkpoint; they are "
        "learned if there are none.",
    ),
    recurrent: Optional[Path] = typer.Option(
        None, "--recurrent", help="Recurrent language model to include; needs --scorer."
    ),
    steps: int = typer.Option(
        16, "--steps", min=1, max=64, help="Steps in a window; fewer mean less delay."
    ),
    slim: Optional[Path] = typer.Option(
        None, "--slim", help="Also write a small checkpoint to start from (train --from)."
    ),
    form: Optional[list[str]] = typer.Option(
        None,
        "--format",
        help="onnx, onnx-int8, mlprogram or safetensors; may be repeated. The first three by "
        "default.",
    ),
    shape: Optional[list[str]] = SHAPE_OPTION,
) -> None:
    """Write a bundle: ONNX in float32 and int8, Core ML, model.json."""
    from streamer.errors import UsageError
    from streamer.training.requirements import need_torch

    known = {
        "onnx": ("onnx", "fp32"),
        "onnx-int8": ("onnx", "int8"),
        "mlprogram": ("mlprogram", "fp16"),
        "safetensors": ("safetensors", "fp32"),
    }
    for wanted in form or []:
        if wanted not in known:
            raise UsageError(f"--format {wanted} is not known", f"use one of {', '.join(known)}")
    from streamer.convert.networks import check_networks

    forms = [known[wanted] for wanted in form or ("onnx", "onnx-int8", "mlprogram")]
    check_networks([name for name, _ in forms], shape or ())
    need_torch()
    from streamer.training.export import export as run
    from streamer.training.network.checkpoint import write_slim_checkpoint

    bundle = run(
        checkpoint,
        output,
        name=name or output.resolve().name,
        version=version,
        licence=licence,
        author=author,
        summary=summary,
        data=data,
        scorer=scorer,
        lexicon=lexicon,
        recurrent=recurrent,
        steps=steps,
        forms=forms,
        shapes=shape or (),
        progress=lambda what: echo(what, err=True),
    )
    if slim is not None:
        write_slim_checkpoint(checkpoint, slim)
    for kind, path in bundle.networks.items():
        echo(f"{kind}\t{path}")
    echo(f"use it with: streamer --model {output}", err=True)


def register(app: typer.Typer) -> None:
    """Add ``streamer export`` to the command line."""
    app.command("export")(export)
