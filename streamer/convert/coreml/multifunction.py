"""One package with a function for each of several numbers of steps, which share their weights.

Fewer steps mean less delay and more calls. A package for each would store the weights as often.
Needs macOS 15; a function ``steps_N`` has windows of N steps.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from streamer.acoustic.contract import function_of_steps
from streamer.convert.coreml.model_file import open_model
from streamer.convert.coreml.writer import save_model, write_coreml
from streamer.convert.imports import coremltools_silenced, import_coremltools
from streamer.convert.options import DEFAULT_COREML_PRECISION
from streamer.errors import ConversionError

if TYPE_CHECKING:
    from streamer.acoustic.weights import Weights


def write_multifunction(
    weights: Weights,
    path: str | Path,
    steps: Sequence[int],
    shape: str | None = None,
    precision: str = DEFAULT_COREML_PRECISION,
    lengths: bool = False,
) -> Path:
    """Write a network as an ML program with a function for each number of steps.

    Args:
        weights: the network.
        path: the ``.mlpackage`` to write.
        steps: numbers of steps; the largest one's function is the default.
        shape: see `write_coreml`.
        precision: see `write_coreml`.
        lengths: see `write_coreml`.

    Returns:
        ``path``.

    Raises:
        ConversionError: see `write_coreml`; or coremltools is too old.
    """
    ct = import_coremltools()
    if not hasattr(ct.utils, "MultiFunctionDescriptor"):
        raise ConversionError(
            "several numbers of steps need coremltools 8 or later",
            "pip install --upgrade coremltools",
        )
    place = Path(path)
    with tempfile.TemporaryDirectory() as folder:
        functions = ct.utils.MultiFunctionDescriptor()
        for n in sorted(set(steps)):
            part = Path(folder) / f"{n}.mlpackage"
            write_coreml(weights, part, n, shape, precision, lengths=lengths)
            functions.add_function(str(part), "main", function_of_steps(n))
        functions.default_function_name = function_of_steps(max(steps))
        merged = Path(folder) / "merged.mlpackage"
        with coremltools_silenced():
            ct.utils.save_multifunction(functions, str(merged))
            about = open_model(Path(folder) / f"{max(steps)}.mlpackage").metadata
            model = ct.models.MLModel(
                str(merged), skip_model_load=True, function_name=functions.default_function_name
            )
        own = ("author", "licence", "version", "description")
        author, licence, version, summary = (about.pop(name, "") for name in own)
        save_model(model, place, about, author, licence, version, summary)
    return place
