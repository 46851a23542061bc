"""The interface of the evaluators, which run Core ML models in NumPy on any system.

Evaluation verifies the structure and the weights of a file, which is where
conversions go wrong. It does not reproduce Apple's arithmetic: float16 values
are rounded after each operation and summed in float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from streamer.arrays import Array
from streamer.convert.coreml.model_file import ModelFile
from streamer.errors import ConversionError

States = dict[str, Array]


class Evaluator(Protocol):
    """A loaded model, with the methods of coremltools' ``MLModel``."""

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


def checked_inputs(model: ModelFile, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return the inputs as arrays of the declared types.

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
        arrays[feature.name] = array.astype(np.int32 if feature.dtype == "int32" else np.float32)
    return arrays
