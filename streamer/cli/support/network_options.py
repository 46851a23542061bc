"""Options of the commands that write networks."""

from __future__ import annotations

from typing import Any

import typer

#: Shapes of the Core ML networks to write.
SHAPE_OPTION: Any = typer.Option(
    None,
    "--shape",
    metavar="SHAPE",
    help="Shape of a Core ML network: unrolled (can run on the Neural Engine), lstm or stateful; "
    "can be repeated, for a network of each. Default: unrolled.",
)
