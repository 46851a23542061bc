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
    FORMATS,
    PRECISIONS,
    SHAPES,
    check_choice,
    check_flexible,
    coreml_file_name,
    coreml_kind,
    default_shape,
)
from streamer.errors import ConversionError


def default_formats() -> list[str]:
    """Return the formats written by default: ONNX, and Core ML if coremltools is installed."""
    available = sys.platform == "darwin" or importlib.util.find_spec("coremltools") is not None
    return ["onnx", "mlprogram"] if available else ["onnx"]


def check_networks(
    formats: Sequence[str],
    shapes: Sequence[str] = (),
    precision: str | None = None,
    lengths: bool = False,
    flexible: bool = False,
) -> None:
    """Check what is to be written, before anything is read.

    Args:
        formats: names of formats.
        shapes: names of shapes.
        precision: name of a precision.
        lengths: see `write_networks`.
        flexible: see `write_networks`.

    Raises:
        ConversionError: a name is unknown, two options exclude each other, or one is for Core ML
            and no format is Core ML's.
    """
    for form in formats:
        check_choice("format", form, FORMATS)
    for shape in shapes:
        check_choice("shape", shape, SHAPES)
    if precision is not None:
        check_choice("precision", precision, PRECISIONS)
    check_flexible(flexible, shapes, lengths)
    if (shapes or flexible) and not set(formats) & set(COREML_FORMATS):
        option = f"--shape {shapes[0]}" if shapes else "--steps any"
        raise ConversionError(
            f"{option} needs a Core ML network",
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
    flexible: bool = False,
    more_steps: Sequence[int] = (),
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
        flexible: whether windows of Core ML networks can have any number of steps.
        more_steps: further numbers of steps, for each of which ML programs get a function.

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

            for shape in dict.fromkeys(shapes or [default_shape(form, flexible)]):
                place = folder / coreml_file_name(name, form, shape)
                if more_steps and form == "mlprogram":
                    from streamer.convert.coreml.multifunction import write_multifunction

                    networks[coreml_kind(form, shape)] = write_multifunction(
                        weights,
                        place,
                        [steps, *more_steps],
                        shape,
                        precision or DEFAULT_COREML_PRECISION,
                        lengths,
                    )
                    continue
                networks[coreml_kind(form, shape)] = write_coreml(
                    weights,
                    place,
                    steps=steps,
                    shape=shape,
                    precision=precision or DEFAULT_COREML_PRECISION,
                    format=form,
                    lengths=lengths,
                    flexible=flexible,
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
