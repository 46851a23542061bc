"""Options of a conversion: formats, shapes, precisions and steps, each stated once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from streamer.errors import ConversionError

#: Formats of Core ML models: a package with an ML program, or the older single file.
COREML_FORMATS = ("mlprogram", "neuralnetwork")
#: Suffixes of their files.
COREML_SUFFIXES: Mapping[str, str] = MappingProxyType(
    {"mlprogram": ".mlpackage", "neuralnetwork": ".mlmodel"}
)
#: Keys in `Bundle.networks` of files whose shape is not ours: made by Apple's route.
COREML_KINDS: Mapping[str, str] = MappingProxyType(
    {"mlprogram": "coreml", "neuralnetwork": "coreml-neuralnetwork"}
)
#: All formats that can be written.
FORMATS = ("onnx", *COREML_FORMATS, "safetensors")

#: Shapes of a Core ML network; see `streamer.convert.coreml.network`.
SHAPES = ("unrolled", "lstm", "stateful")
#: The shape written by default. Only an unrolled network can run on the Neural Engine; in the
#: older format it stores the recurrent matrix once a step, so that format has ``lstm``.
DEFAULT_SHAPES: Mapping[str, str] = MappingProxyType(
    {"mlprogram": "unrolled", "neuralnetwork": "lstm"}
)

#: Precisions of stored weights, most exact first. All except fp32 also compute in float16.
PRECISIONS = ("fp32", "fp16", "int8", "palette6", "palette4")
#: Core ML's own default; the Neural Engine does not run float32 programs.
DEFAULT_COREML_PRECISION = "fp16"

#: The only shape whose windows can have any number of steps.
FLEXIBLE_SHAPE = "lstm"
#: Most steps of a flexible ML program in one call: three hours of audio. This format must have a
#: bound; a neural network need not, and takes any number.
MAX_FLEXIBLE_STEPS = 3 * 3600 * 50

#: A window of 64 steps is 1.28 s, more delay than streaming allows.
MAX_STEPS = 64


def check_choice(what: str, value: str, choices: Collection[str]) -> None:
    """Check an option that is one of several names.

    Args:
        what: name of the option, for the error.
        value: its value.
        choices: the names allowed.

    Raises:
        ConversionError: the value is not among them.
    """
    if value not in choices:
        raise ConversionError(f"unknown {what} {value!r}", f"choose one of {', '.join(choices)}")


def coreml_kind(model_format: str, shape: str) -> str:
    """Return the key of a Core ML network in `Bundle.networks`, which names its shape.

    Args:
        model_format: one of `COREML_FORMATS`.
        shape: one of `SHAPES`.
    """
    if model_format == "mlprogram":
        return f"coreml-{shape}"
    kind = COREML_KINDS[model_format]
    return kind if shape == DEFAULT_SHAPES[model_format] else f"{kind}-{shape}"


def coreml_file_name(name: str, model_format: str, shape: str) -> str:
    """Return the name of a Core ML network's file; that of the default shape has no addition.

    Args:
        name: name of the model.
        model_format: one of `COREML_FORMATS`.
        shape: one of `SHAPES`.
    """
    addition = "" if shape == DEFAULT_SHAPES[model_format] else f".{shape}"
    return f"{name}{addition}{COREML_SUFFIXES[model_format]}"


def check_steps(steps: int) -> None:
    """Check the number of steps in a window.

    Raises:
        ConversionError: it is not between 1 and `MAX_STEPS`.
    """
    if not 1 <= steps <= MAX_STEPS:
        raise ConversionError(
            f"a window cannot have {steps} steps", f"choose a number from 1 to {MAX_STEPS}"
        )


def default_shape(model_format: str, flexible: bool) -> str:
    """Return the shape of a Core ML network that is written by default."""
    return FLEXIBLE_SHAPE if flexible else DEFAULT_SHAPES[model_format]


def check_flexible(flexible: bool, shapes: Sequence[str], lengths: bool) -> None:
    """Check that networks whose windows can have any number of steps can be written.

    Raises:
        ConversionError: another shape than `FLEXIBLE_SHAPE` is wanted, or ``input_lengths``.
    """
    if not flexible:
        return
    for shape in shapes:
        if shape != FLEXIBLE_SHAPE:
            raise ConversionError(
                f"windows of any number of steps cannot be {shape}",
                f"use --shape {FLEXIBLE_SHAPE}, or leave out --shape",
            )
    if lengths:
        raise ConversionError(
            "windows of any number of steps need no --lengths", "leave it out, or give a number"
        )
