"""``streamer convert``: convert a DeepSpeech network of any format to a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import typer

from streamer.cli.support.messages import echo
from streamer.cli.support.network_options import SHAPE_OPTION


def convert(
    network: Path = typer.Argument(
        ...,
        help="A .pbmm, .pb, .tflite, .safetensors, .onnx, or the folder of a checkpoint or of a "
        "bundle, of which all but the networks written anew is kept.",
    ),
    output: Path = typer.Option(..., "--output", "-o", help="Folder of the bundle."),
    name: str = typer.Option("", "--name", help="Name of the model; the file's name by default."),
    steps: Optional[str] = typer.Option(
        None,
        "--steps",
        metavar="1..64|any",
        help="Steps in a window; fewer steps mean less delay. 4,8,16: ML programs have a function "
        "for each, with shared weights (macOS 15). any: Core ML networks take windows of any "
        "length, hours too, in the shape lstm. Default: 16, or the bundle's or, with --via "
        "tensorflow, the graph's own number.",
    ),
    formats: Optional[list[str]] = typer.Option(
        None,
        "--format",
        help="onnx, mlprogram, neuralnetwork or safetensors; can be repeated. "
        "Default: onnx, and mlprogram if coremltools is installed; mlprogram for a bundle.",
    ),
    shape: Optional[list[str]] = SHAPE_OPTION,
    precision: Optional[str] = typer.Option(
        None,
        "--precision",
        help="fp32, fp16, int8, palette6 or palette4. Default: fp32 for ONNX, fp16 for Core ML; "
        "ONNX has fp32 and int8 only.",
    ),
    scorer: Optional[Path] = typer.Option(None, "--scorer", help="Language model to include."),
    alphabet: Optional[Path] = typer.Option(
        None, "--alphabet", help="alphabet.txt, if the network does not contain its labels."
    ),
    licence: str = typer.Option("", "--licence", help="Licence of the model."),
    author: str = typer.Option("", "--author", help="Author of the model."),
    lengths: bool = typer.Option(
        False,
        "--lengths",
        help="Core ML: add the input input_lengths, so that the states after a short window are "
        "valid. It may keep parts of the network off the Neural Engine.",
    ),
    via: Optional[str] = typer.Option(
        None,
        "--via",
        help="tensorflow: convert as Apple's guide does, with TensorFlow and ct.convert.",
    ),
    output_nodes: Optional[list[str]] = typer.Option(
        None,
        "--output-node",
        help="With --via tensorflow: the graph's nodes with probabilities, c and h, in this order, "
        "if they are not called logits, new_state_c and new_state_h.",
    ),
) -> None:
    """Convert a DeepSpeech network into a bundle that streamer runs."""
    from streamer.convert import convert_to_bundle
    from streamer.convert.inspection.inspection import size_bytes
    from streamer.errors import UsageError

    flexible = steps == "any"
    numbers = [] if flexible or steps is None else _numbers(steps)
    n_steps = max(numbers) if numbers else None
    if via not in (None, "tensorflow"):
        raise UsageError(f"unknown route --via {via}", "use --via tensorflow, or leave it out")
    if via == "tensorflow":
        if shape:
            raise UsageError(
                "--via tensorflow keeps the graph's own shape", "leave out --shape or --via"
            )
        if len(numbers) > 1:
            raise UsageError("--via tensorflow writes one number of steps", "give one to --steps")
        if flexible:
            raise UsageError(
                "--via tensorflow keeps a dynamic graph flexible by itself", "leave out --steps any"
            )
        from streamer.convert.tensorflow_bundle import convert_to_bundle_with_tensorflow

        bundle = convert_to_bundle_with_tensorflow(
            network,
            output,
            name=name,
            steps=n_steps,
            formats=formats,
            precision=precision,
            alphabet=alphabet,
            scorer=scorer,
            licence=licence,
            author=author,
            outputs=output_nodes or (),
            progress=lambda what: echo(what, err=True),
        )
    elif output_nodes:
        raise UsageError(
            "--output-node is for --via tensorflow", "leave it out, or add --via tensorflow"
        )
    else:
        bundle = convert_to_bundle(
            network,
            output,
            name=name,
            scorer=scorer,
            alphabet=alphabet,
            licence=licence,
            steps=n_steps,
            formats=formats,
            shapes=shape or (),
            precision=precision,
            author=author,
            lengths=lengths,
            flexible=flexible,
            more_steps=sorted(set(numbers) - {n_steps}) if n_steps else (),
            progress=lambda what: echo(what, err=True),
        )
    for kind, path in bundle.networks.items():
        echo(f"{kind}\t{path}\t{size_bytes(path) / 1e6:.1f} MB")
    echo(f"use it with: streamer --model {output}", err=True)


def _numbers(steps: str) -> list[int]:
    from streamer.errors import UsageError

    try:
        return [int(number) for number in steps.split(",")]
    except ValueError:
        raise UsageError(
            f"--steps {steps} is not a number", "use 1 to 64, several like 4,8,16, or any"
        ) from None


def register(app: typer.Typer) -> None:
    """Add ``streamer convert`` to the command line."""
    app.command("convert")(convert)
