"""Writes one network in several formats."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Callable

from streamer.acoustic.weights import Weights
from streamer.convert.options import (
    COREML_FORMATS,
    DEFAULT_COREML_PRECISION,
    DEFAULT_SHAPES,
    FORMATS,
    PRECISIONS,
    SHAPES,
    check_choice,
    coreml_file_name,
    coreml_kind,
)
from streamer.errors import ConversionError


def default_formats() -> list[str]:
    """Return the formats written by default: ONNX, and Core ML if coremltools is installed."""
    available = sys.platform == "darwin" or importlib.util.find_spec("coremltools") is not None
    return ["onnx", "mlprogram"] if available else ["onnx"]


def check_networks(
    formats: Sequence[str], shapes: Sequence[str] = (), precision: str | None = None
) -> None:
    """Check what is to be written, before anything is read.

    Args:
        formats: names of formats.
        shapes: names of shapes.
        precision: name of a precision.

    Raises:
        ConversionError: a name is unknown, or shapes are given and no format is Core ML's.
    """
    for form in formats:
        check_choice("format", form, FORMATS)
    for shape in shapes:
        check_choice("shape", shape, SHAPES)
    if precision is not None:
        check_choice("precision", precision, PRECISIONS)
    if shapes and not set(formats) & set(COREML_FORMATS):
        raise ConversionError(
            f"--shape {shapes[0]} needs a Core ML network",
            "add --format mlprogram, or install coremltools",
        )


def write_networks(
    weights: Weights,
    folder: Path,
    name: str,
    steps: int,
    formats: Sequence[str],
    shapes: Sequence[str],
    precision: str | None,
    progress: Callable[[str], None],
    lengths: bool = False,
) -> dict[str, Path]:
    """Write a network in several formats.

    Args:
        weights: the network.
        folder: where the files go.
        name: their name, without a suffix.
        steps: steps in a window.
        formats: some of `options.FORMATS`.
        shapes: some of `options.SHAPES`, for Core ML, each in a file of its own; if empty, the
            default of each format.
        precision: one of `options.PRECISIONS`. If None, float32 for ONNX and float16
            for Core ML. ONNX is written in int8 for ``int8``, otherwise in float32.
        progress: called with a line before each file.
        lengths: whether Core ML networks have the input ``input_lengths``; ONNX networks do.

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
            from streamer.convert.coreml.writer import write_coreml

            for shape in dict.fromkeys(shapes or [DEFAULT_SHAPES[form]]):
                networks[coreml_kind(form, shape)] = write_coreml(
                    weights,
                    folder / coreml_file_name(name, form, shape),
                    steps=steps,
                    shape=shape,
                    precision=precision or DEFAULT_COREML_PRECISION,
                    format=form,
                    lengths=lengths,
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
