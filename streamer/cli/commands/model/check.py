"""``streamer check``: compare a converted Core ML model with its reference."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import typer

from streamer.cli.support.messages import echo

#: Enough for a dozen windows; a network of 2048 units takes about a second for each.
_SECONDS = 4.0


def check(
    model: Path = typer.Argument(..., help="A .mlpackage or .mlmodel."),
    reference: Optional[Path] = typer.Option(
        None,
        "--reference",
        help="The network it was converted from, if it is not in the same folder.",
    ),
    audio: Optional[Path] = typer.Option(
        None, "--audio", help="A recording to use instead of the bundled one."
    ),
    seconds: float = typer.Option(
        _SECONDS, "--seconds", help="Seconds of the recording that are used."
    ),
) -> None:
    """Evaluate a Core ML model in NumPy, on any system, and compare it with its reference.

    The exit code is 1 if an output differs by more than the model's precision explains.
    """
    from streamer.convert.check.check_inputs import find_recording, read_reference, read_samples
    from streamer.convert.check.checker import check_model

    source, weights = read_reference(model, reference)
    recording = find_recording() if audio is None else audio
    samples = read_samples(recording, int(weights.description["sample_rate_hz"]), seconds)
    report = check_model(model, weights, samples)
    echo(f"model      {model} ({report.kind}, {report.precision}, {report.steps} steps)")
    echo(f"reference  {source}, in float64")
    echo(f"audio      {recording}, {report.windows} windows")
    echo(f"{'stream':<10} {'output':<12} {'max error':>10} {'allowed':>10}")
    for found in report.differences:
        verdict = "ok" if found.passed else "WRONG"
        echo(
            f"{found.stream:<10} {found.output:<12} {found.error:>10.2e} "
            f"{found.tolerance:>10.2e}  {verdict}"
        )
    if not report.passed:
        echo(f"{model} does not match {source}", err=True)
        raise typer.Exit(1)
    echo("the model matches its reference")


def register(app: typer.Typer) -> None:
    """Add ``streamer check`` to the command line."""
    app.command("check")(check)
