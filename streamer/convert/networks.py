"""Writes one network in several formats."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Callable

from streamer.acoustic.weights import Weights
from streamer.convert.options import COREML_KINDS, DEFAULT_COREML_PRECISION


def default_formats() -> list[str]:
    """Return the formats written by default: ONNX, and Core ML if coremltools is installed."""
    available = sys.platform == "darwin" or importlib.util.find_spec("coremltools") is not None
    return ["onnx", "mlprogram"] if available else ["onnx"]


def write_networks(
    weights: Weights,
    folder: Path,
    name: str,
    steps: int,
    formats: Sequence[str],
    shape: str,
    precision: str | None,
    progress: Callable[[str], None],
) -> dict[str, Path]:
    """Write a network in several formats.

    Args:
        weights: the network.
        folder: where the files go.
        name: their name, without a suffix.
        steps: steps in a window.
        formats: some of `options.FORMATS`.
        shape: one of `options.SHAPES`, for Core ML.
        precision: one of `options.PRECISIONS`. If None, float32 for ONNX and float16
            for Core ML. ONNX is written in int8 for ``int8``, otherwise in float32.
        progress: called with a line before each file.

    Returns:
        The files by kind, as in `Bundle.networks`.

    Raises:
        ConversionError: a format cannot be written.
    """
    networks: dict[str, Path] = {}
    for form in formats:
        progress(f"writing {form}")
        if form == "onnx":
            networks.update(_write_onnx(weights, folder, name, steps, precision))
        elif form == "safetensors":
            from streamer.convert.writers.safetensors import write_safetensors

            networks["numpy"] = folder / f"{name}.safetensors"
            write_safetensors(weights, networks["numpy"])
        else:
            from streamer.convert.coreml.writer import model_path, write_coreml

            networks[COREML_KINDS[form]] = write_coreml(
                weights,
                model_path(folder, name, form),
                steps=steps,
                shape=shape,
                precision=precision or DEFAULT_COREML_PRECISION,
                format=form,
            )
    return networks


def _write_onnx(
    weights: Weights, folder: Path, name: str, steps: int, precision: str | None
) -> dict[str, Path]:
    from streamer.convert.writers.onnx import write_onnx, write_onnx_int8

    if precision == "int8":
        file = folder / f"{name}.int8.onnx"
        write_onnx_int8(weights, file, steps)
        return {"onnx-int8": file}
    file = folder / f"{name}.onnx"
    write_onnx(weights, file, steps)
    # The NumPy backend reads the weights from the same file.
    return {"onnx": file, "numpy": file}
