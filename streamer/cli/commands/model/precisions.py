"""``streamer precisions``: size and errors of a Core ML model in each precision."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import typer

from streamer.cli.support.messages import echo

#: Seconds of the recording that are used, as in `streamer check`.
_SECONDS = 4.0


def precisions(
    network: Optional[Path] = typer.Argument(
        None, help="A .pbmm, .pb, .tflite, .safetensors or .onnx; the bundled network by default."
    ),
    shape: str = typer.Option("unrolled", "--shape", help="unrolled, lstm or stateful."),
    steps: int = typer.Option(16, "--steps", help="Steps in a window, 1 to 64."),
    audio: Optional[Path] = typer.Option(
        None, "--audio", help="A recording to use instead of the bundled one."
    ),
    samples: Optional[Path] = typer.Option(
        None,
        "--samples",
        help="Folder of recordings for word error rates, each with its text in a .txt of the same "
        "name. Default: the bundled recording, for the bundled network.",
    ),
    chosen: Optional[list[str]] = typer.Option(
        None, "--precision", help="A precision to include; can be repeated. Default: all."
    ),
) -> None:
    """Write a Core ML model in each precision; print sizes, errors and word error rates."""
    from streamer.bundle import bundled_folder, load_bundle
    from streamer.convert import read_network
    from streamer.convert.check.check_inputs import find_recording, read_samples, read_texts
    from streamer.convert.check.precision_table import precision_table
    from streamer.convert.options import PRECISIONS

    source = load_bundle().networks["onnx"] if network is None else network
    weights = read_network(source)
    rate = int(weights.description["sample_rate_hz"])
    recording = read_samples(find_recording() if audio is None else audio, rate, _SECONDS)
    folder = bundled_folder() if samples is None and network is None else samples
    texts = [] if folder is None else read_texts(folder, rate)
    echo(f"{source}, {shape}, {steps} steps; largest errors against float64")
    echo(
        f"{'precision':<10} {'MB':>8} {'logits':>9} {'state c':>9} {'state h':>9} {'check':>6} "
        f"{'WER':>6}"
    )
    rows = precision_table(
        weights,
        recording,
        steps,
        shape,
        chosen or PRECISIONS,
        texts,
        progress=lambda what: echo(what, err=True),
    )
    for row in rows:
        errors = " ".join(f"{error:>9.1e}" for error in row.errors)
        wer = "-" if row.wer is None else f"{100 * row.wer:.1f}%"
        verdict = "ok" if row.passed else "WRONG"
        echo(f"{row.precision:<10} {row.size_bytes / 1e6:>8.2f} {errors} {verdict:>6} {wer:>6}")
    if texts:
        words = sum(len(text.split()) for _, text in texts)
        echo(f"WER: best path, no language model, {len(texts)} recordings, {words} words", err=True)


def register(app: typer.Typer) -> None:
    """Add ``streamer precisions`` to the command line."""
    app.command("precisions")(precisions)
