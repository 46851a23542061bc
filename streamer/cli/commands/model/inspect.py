"""``streamer inspect``: show the contents of a model's file, or of two side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import typer

from streamer.cli.support.choices import ComputeUnits
from streamer.printable import printable

#: Width at which names and values are wrapped.
_WIDEST = 60


def inspect(
    model: Path = typer.Argument(..., help="A .pb, .pbmm, .tflite, .onnx, .mlmodel or .mlpackage."),
    other: Optional[Path] = typer.Argument(None, help="A second model, shown beside the first."),
    compute_units: ComputeUnits = typer.Option(
        ComputeUnits.ALL,
        "--compute-units",
        metavar="UNITS",
        help="macOS: compute units that the plan of a Core ML model may use: CPU_AND_NE, "
        "CPU_AND_GPU, CPU_ONLY or ALL.",
    ),
) -> None:
    """Show the inputs, outputs, operations and metadata of a model, and Core ML's plan on macOS."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    from streamer.convert.coreml.compute_plan import plan_of_model
    from streamer.convert.inspection import inspect_model, inspection_rows

    paths = [model] if other is None else [model, other]
    columns: list[dict[tuple[str, str], str]] = []
    for path in paths:
        found = {
            (heading, key): value for heading, key, value in inspection_rows(inspect_model(path))
        }
        if path.suffix in (".mlmodel", ".mlpackage"):
            plan = plan_of_model(path, compute_units.value)
            if plan is not None:
                found[("compute plan", compute_units.value)] = plan
        columns.append(found)
    order = list(dict.fromkeys(heading for column in columns for heading, _ in column))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ["", "", *(escape(printable(path.name)) for path in paths)]:
        table.add_column(heading, overflow="fold", max_width=_WIDEST)
    for heading in order:
        keys = list(dict.fromkeys(key for column in columns for h, key in column if h == heading))
        for k, key in enumerate(keys):
            cells = [column.get((heading, key), "-") for column in columns]
            # Text, not str: tensor names can look like Rich's markup.
            table.add_row(
                heading if k == 0 else "", *(Text(printable(cell)) for cell in [key, *cells])
            )
    console = Console()
    if not console.is_terminal:
        # Output to a file or a pipe need not fit a window.
        console = Console(width=(len(paths) + 2) * (_WIDEST + 2))
    console.print(table)


def register(app: typer.Typer) -> None:
    """Add ``streamer inspect`` to the command line."""
    app.command("inspect")(inspect)
