"""The interface of the evaluators, which run Core ML models in NumPy on any system.

Evaluation verifies the structure and the weights of a file, which is where
conversions go wrong. It does not reproduce Apple's arithmetic: float16 values
are rounded after each operation and summed in float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from streamer.arrays import Array
from streamer.convert.coreml.model_file import ModelFile
from streamer.errors import ConversionError

States = dict[str, Array]


class Constant(NamedTuple):
    """A constant array of a model.

    Attributes:
        array: its values, decompressed; float32.
        precision: how it is stored: ``fp32``, ``fp16``, ``int<bits>`` or ``palette<bits>``.
    """

    array: Array
    precision: str


class Evaluator(Protocol):
    """A loaded model, with the methods of coremltools' ``MLModel``."""

    def constants(self) -> dict[str, Constant]:
        """Return the arrays of floats that the model stores; the keys are the evaluator's own."""
        ...

    def exact(self, replaced: Mapping[str, Array]) -> Evaluator:
        """Return an evaluator of the same operations that rounds nothing below float64.

        Args:
            replaced: other values for some of `constants`, of the same shapes.
        """
        ...

    def make_state(self) -> States:
        """Return new states, all zeros; empty for a model without states."""
        ...

    def predict(self, inputs: Mapping[str, Array], state: States | None = None) -> dict[str, Array]:
        """Run the model once.

        Args:
            inputs: all inputs by name.
            state: from `make_state`; modified.

        Returns:
            The outputs by name.

        Raises:
            ConversionError: an input is missing or has the wrong shape, or the model has an
                operation that is unknown or does not fit its arguments.
        """
        ...


def checked_inputs(
    model: ModelFile, inputs: Mapping[str, Array], float_type: npt.DTypeLike = np.float32
) -> dict[str, Array]:
    """Return the inputs as int32, or as ``float_type`` if they are declared as floats.

    Raises:
        ConversionError: one is missing, unknown or of the wrong shape.
    """
    names = [feature.name for feature in model.inputs]
    unknown = sorted(set(inputs) - set(names))
    missing = [name for name in names if name not in inputs]
    if unknown or missing:
        raise ConversionError(
            f"{model.path.name} takes {', '.join(names)}",
            f"add {missing[0]}" if missing else f"leave out {unknown[0]}",
        )
    arrays = {}
    for feature in model.inputs:
        array = np.asarray(inputs[feature.name])
        fits = len(array.shape) == len(feature.shape) and all(
            axis[0] <= n and (axis[1] < 0 or n <= axis[1]) if isinstance(axis, tuple) else n == axis
            for n, axis in zip(array.shape, feature.shape)
        )
        if not fits:
            raise ConversionError(
                f"{model.path.name} takes {feature.name} of shape {feature.shape}",
                f"{array.shape} was given; cut the stream to the model's steps",
            )
        if feature.dtype == "float16" and float_type == np.float32:
            array = array.astype(np.float16)
        arrays[feature.name] = array.astype(np.int32 if feature.dtype == "int32" else float_type)
    return arrays


def as_float64(value: Any) -> Any:
    """Return an array of floats in float64, and anything else as it is."""
    if isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.floating):
        return value.astype(np.float64, copy=False)
    return value
