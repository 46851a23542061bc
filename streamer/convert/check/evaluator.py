"""Evaluates Core ML models in NumPy, an operation at a time, on any system.

It shows that structure and weights of a file are right, which is what
conversions get wrong. What Apple's arithmetic makes of them it cannot show:
float16 values are rounded after each operation, and summed in float32.
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
    """A loaded model; the verbs are those of coremltools' ``MLModel``."""

    def make_state(self) -> States:
        """Return fresh states, all zeros; empty for a model without."""
        ...

    def predict(self, inputs: Mapping[str, Array], state: States | None = None) -> dict[str, Array]:
        """Run the model once.

        Args:
            inputs: all of its inputs by name.
            state: from `make_state`; is changed.

        Returns:
            Its outputs by name.

        Raises:
            ConversionError: an input is missing or has another shape, or the model has an
                operation that is not known here or does not fit its arguments.
        """
        ...


def checked_inputs(model: ModelFile, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return the inputs as arrays of the types the model declares.

    Raises:
        ConversionError: one is missing, unknown or of a shape that the model does not take.
    """
    names = [feature.name for feature in model.inputs]
    strange = sorted(set(inputs) - set(names))
    missing = [name for name in names if name not in inputs]
    if strange or missing:
        raise ConversionError(
            f"{model.path.name} takes {', '.join(names)}",
            f"give it {missing[0]}" if missing else f"leave {strange[0]} out",
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
