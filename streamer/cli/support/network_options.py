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

#: Precision of the ONNX network of an installed model.
PRECISION_OPTION: Any = typer.Option(
    "",
    "--precision",
    metavar="fp32|int8",
    help="Precision of the ONNX network that is used. Default: int8 for large networks whose "
    "letters agree with float32 in 99 % of the frames of ten clips, else fp32.",
    show_default=False,
)
#: Recordings on which it is decided.
CLIPS_OPTION: Any = typer.Option(
    None,
    "--audio",
    metavar="FILE",
    help="A recording to compare int8 with float32 on; can be repeated. Default: ten clips made "
    "of the bundled one.",
)
