"""``streamer check``: compare a converted Core ML model with its reference."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

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

    Its tensors are compared one by one (an error of 1 is all that their precision explains), its
    operations in float64 on other weights, and its outputs on a recording; of a package of several
    functions, each is. The exit code is 1 if something differs by more than is allowed.
    """
    from streamer.convert.check.check_inputs import find_recording, read_reference, read_samples
    from streamer.convert.check.checker import check_model
    from streamer.convert.coreml import open_model

    source, weights = read_reference(model, reference)
    recording = find_recording() if audio is None else audio
    samples = read_samples(recording, int(weights.description["sample_rate_hz"]), seconds)
    passed = True
    for function in open_model(model).functions or ("",):
        report = check_model(model, weights, samples, function)
        passed = passed and report.passed
        echo(f"model      {model} ({report.kind}, {report.precision}, {report.steps} steps)")
        echo(f"reference  {source}, in float64")
        echo(f"audio      {recording}, {report.windows} windows")
        echo(f"front end  {_front_end(weights.description.get('front_end'))}")
        echo(f"{'stream':<10} {'output':<16} {'max error':>10} {'allowed':>10}")
        for found in report.differences:
            verdict = "ok" if found.passed else "WRONG"
            echo(
                f"{found.stream:<10} {found.output:<16} {found.error:>10.2e} "
                f"{found.tolerance:>10.2e}  {verdict}"
            )
    if not passed:
        echo(f"{model} does not match {source}", err=True)
        raise typer.Exit(1)
    echo("the model matches its reference")


def _front_end(description: Optional[Mapping[str, Any]]) -> str:
    """Return a front end in words."""
    if description is None:
        return "deepspeech (none is described)"
    normalised = "normalised" if "normalisation" in description else "not normalised"
    return f"{description['kind']}, {normalised}"


def register(app: typer.Typer) -> None:
    """Add ``streamer check`` to the command line."""
    app.command("check")(check)
