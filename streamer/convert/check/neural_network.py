"""Evaluates older ``.mlmodel`` files (NeuralNetwork messages)."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from streamer.arrays import Array
from streamer.convert.check.evaluator import Constant, States, as_float64, checked_inputs
from streamer.convert.check.mil.operations import unsupported_error
from streamer.convert.check.neural_layers import (
    LAYERS,
    WEIGHTED_LAYERS,
    stored_weights,
    unpack_weights,
)
from streamer.convert.check.stored_precision import layers, weights_precision
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
        self._messages: list[tuple[Any, Sequence[int]]] = []
        self._float_type: npt.DTypeLike = np.float32

    def constants(self) -> dict[str, Constant]:
        """See `Evaluator.constants`."""
        found = {}
        for k, (weights, shape) in enumerate(self._stored()):
            bits = weights_precision(weights)
            array = self._unpacked(weights, shape)
            found[str(k)] = Constant(array, "fp32" if bits is None else bits[1])
        return found

    def exact(self, replaced: Mapping[str, Array]) -> NeuralNetwork:
        """See `Evaluator.exact`."""
        evaluator = copy.copy(self)
        evaluator._float_type = np.float64
        evaluator._weights = {}
        for k, (weights, shape) in enumerate(self._stored()):
            array = replaced.get(str(k), self._unpacked(weights, shape))
            evaluator._weights[id(weights)] = (weights, as_float64(array))
        return evaluator

    def make_state(self) -> States:
        """See `Evaluator.make_state`; this format has no states."""
        return {}

    def predict(self, inputs: Mapping[str, Array], state: States | None = None) -> dict[str, Array]:
        """See `Evaluator.predict`."""
        values: dict[str, Array] = {
            name: array.astype(self._float_type)
            for name, array in checked_inputs(self._model, inputs, self._float_type).items()
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
            if self._float_type == np.float64:
                results = [as_float64(result) for result in results]
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

    def _stored(self) -> list[tuple[Any, Sequence[int]]]:
        """Return the messages with weights and their shapes, always the same objects."""
        if not self._messages:
            for layer in layers(self._network):
                self._messages.extend(stored_weights(layer))
        return self._messages

    def _unpacked(self, weights: Any, shape: Sequence[int]) -> Array:
        key = id(weights)
        if key not in self._weights:
            self._weights[key] = (weights, unpack_weights(weights, shape))
        return self._weights[key][1]
