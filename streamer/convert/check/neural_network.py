"""Evaluates older ``.mlmodel`` files (NeuralNetwork messages)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from streamer.arrays import Array
from streamer.convert.check.evaluator import States, checked_inputs
from streamer.convert.check.mil.operations import unsupported_error
from streamer.convert.check.neural_layers import (
    LAYERS,
    WEIGHTED_LAYERS,
    unpack_weights,
)
from streamer.convert.coreml.model_file import ModelFile, invalid_model_error

_MAX_ITERATIONS = 100_000
_EXACT_ARRAY_MAPPING = 1
_MISFITS = (ValueError, IndexError, KeyError, TypeError, AttributeError, ZeroDivisionError)


class NeuralNetwork:
    """An `Evaluator` for neural networks.

    Args:
        model: a model of the kind ``neuralnetwork``.
    """

    def __init__(self, model: ModelFile) -> None:
        self._model = model
        self._network = model.spec.neuralNetwork
        if self._network.arrayInputShapeMapping != _EXACT_ARRAY_MAPPING:
            raise unsupported_error("networks that map their inputs to five axes")
        if len(self._network.preprocessing):
            raise unsupported_error("networks with image preprocessing")
        # Unpacking weights takes longer than using them, and a loop uses them in each
        # iteration. The key is the identity of a message, which is kept with its array.
        self._weights: dict[int, tuple[Any, Array]] = {}

    def make_state(self) -> States:
        """See `Evaluator.make_state`; this format has no states."""
        return {}

    def predict(self, inputs: Mapping[str, Array], state: States | None = None) -> dict[str, Array]:
        """See `Evaluator.predict`."""
        values: dict[str, Array] = {
            name: array.astype(np.float32)
            for name, array in checked_inputs(self._model, inputs).items()
        }
        self._run(self._network, values)
        try:
            return {feature.name: values[feature.name] for feature in self._model.outputs}
        except KeyError as error:
            raise invalid_model_error(
                self._model.path, f"{error.args[0]} is never computed"
            ) from error

    def _run(self, network: Any, values: dict[str, Array]) -> None:
        for layer in network.layers:
            kind = layer.WhichOneof("layer")
            try:
                if kind == "loop":
                    self._loop(layer.loop, values)
                    continue
                arguments = [values[name] for name in layer.input]
                if kind in LAYERS:
                    result = LAYERS[kind](getattr(layer, kind), arguments)
                elif kind in WEIGHTED_LAYERS:
                    result = WEIGHTED_LAYERS[kind](getattr(layer, kind), arguments, self._unpacked)
                else:
                    raise unsupported_error(f"the layer {kind}")
                results = result if isinstance(result, list) else [result]
                if len(results) < len(layer.output):
                    raise ValueError("the number of outputs differs")
            except _MISFITS as error:
                raise invalid_model_error(
                    self._model.path, f"{kind} {layer.name} does not fit: {error}"
                ) from error
            values.update(zip(layer.output, results))

    def _loop(self, loop: Any, values: dict[str, Array]) -> None:
        most = loop.maxLoopIterations or _MAX_ITERATIONS
        for _ in range(min(most, _MAX_ITERATIONS)):
            self._run(loop.conditionNetwork, values)
            if loop.conditionVar and not np.all(values[loop.conditionVar]):
                return
            self._run(loop.bodyNetwork, values)
        if not loop.maxLoopIterations:
            raise unsupported_error(f"loops of more than {_MAX_ITERATIONS} iterations")

    def _unpacked(self, weights: Any, shape: Sequence[int]) -> Array:
        key = id(weights)
        if key not in self._weights:
            self._weights[key] = (weights, unpack_weights(weights, shape))
        return self._weights[key][1]
