"""Compares a converted model, evaluated in NumPy, with its reference network.

In three ways, each for the errors that the others cannot see. Its constants are compared with
the reference's, tensor by tensor: `streamer.convert.check.stored_tensors`. Its operations
are run in float64 with weights that drive every layer over its bounds:
`streamer.convert.check.structure`. And it runs as it is, in its own precision: on audio, window by
window with the state passed on, and the short last window included; and on one window made so loud
that the first layers reach their upper bound, which speech seldom does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from streamer.acoustic.contract import (
    DEFAULT_STEPS,
    INPUT_LENGTHS,
    INPUT_NODE,
    LOGITS,
    NEW_C,
    NEW_H,
    OUTPUT_NAMES,
    PREVIOUS_C,
    check_names,
    input_arrays,
    state_names,
)
from streamer.acoustic.numpy_model import NumpyAcousticModel
from streamer.acoustic.weights import Weights
from streamer.arrays import Array, FloatArray
from streamer.convert.check.evaluator import Evaluator
from streamer.convert.check.factory import create_evaluator
from streamer.convert.check.low_precision import LowPrecisionReference
from streamer.convert.check.stored_precision import stored_precision
from streamer.convert.check.stored_tensors import StoredTensors
from streamer.convert.check.structure import (
    TOLERANCE,
    probe_state,
    probe_weights,
    probe_windows,
)
from streamer.convert.coreml.model_file import ModelFile, invalid_model_error, open_model
from streamer.errors import ConversionError
from streamer.features import Framer, create_front_end

#: The error allowed, as a multiple of the error that rounding causes in a forward pass of the same
#: network: order of sums and intermediate rounding differ.
TOLERANCE_FACTOR = 3.0

#: The error always allowed, relative to the largest value if that is above 1.
FLOOR = 1e-5

#: Largest output of the loud window's first layer, as a multiple of its upper bound.
LOUDNESS = 2.0

_DEFAULT_FRONT_END = {"kind": "deepspeech"}


@dataclass(frozen=True)
class Difference:
    """The error of one output.

    Attributes:
        stream: ``audio``, ``loud``, ``one call`` or ``structure``; ``stored`` for a tensor.
        output: name of the output or tensor.
        error: largest absolute difference; for a tensor, its error as a multiple of what its
            precision explains.
        tolerance: largest difference allowed.
        largest: largest absolute value of the reference; 1 for a tensor.
    """

    stream: str
    output: str
    error: float
    tolerance: float
    largest: float

    @property
    def passed(self) -> bool:
        """Whether the error is within the tolerance; NaN is not."""
        return bool(self.error <= self.tolerance)


@dataclass(frozen=True)
class Report:
    """The result of `check_model`.

    Attributes:
        kind: ``mlprogram`` or ``neuralnetwork``.
        precision: precision of the stored weights.
        steps: steps in a window.
        windows: number of windows of audio.
        differences: one a stream and output.
    """

    kind: str
    precision: str
    steps: int
    windows: int
    differences: tuple[Difference, ...]

    @property
    def passed(self) -> bool:
        """Whether every output is within its tolerance."""
        return all(difference.passed for difference in self.differences)


def check_model(
    path: str | Path, reference: Weights, samples: FloatArray, function: str = ""
) -> Report:
    """Compare a Core ML model with its reference network.

    Args:
        path: a ``.mlpackage`` or ``.mlmodel``.
        reference: the network.
        samples: audio at the network's sample rate, float32 (n,), full scale 1.
        function: the function to check, of a package of several; its default one if empty.

    Raises:
        ConversionError: the model is damaged, its geometry differs from the reference, or
            it has an unknown operation and cannot be checked.
    """
    file = open_model(path, function)
    contract = _Contract(file, reference)
    evaluator = create_evaluator(file)
    windows = _windows(reference, contract.steps, samples)
    precision = stored_precision(file)
    streams: dict[str, list[tuple[Array, int]]] = {
        "audio": windows,
        "loud": [_loud(reference, windows)],
    }
    if contract.flexible:
        whole = np.concatenate([window[:, :n] for window, n in windows], axis=1)
        streams["one call"] = [(whole, whole.shape[1])]
    stored = StoredTensors(evaluator.constants(), reference)
    references = _References.of(reference, stored, precision)
    differences = [
        Difference("stored", name, error, 1.0, 1.0) for name, error in stored.errors().items()
    ]
    if stored.complete:
        # Biases are stored in the type of the computation, and the upper bound with them.
        half = file.kind == "mlprogram" and stored.precision("layer_1/bias", precision) != "fp32"
        clip = float((np.float16 if half else np.float32)(reference.relu_clip))
        differences.extend(_structure(contract, evaluator, stored, reference, clip))
    for name, stream in streams.items():
        differences.extend(_compare(name, stream, contract, evaluator, references))
    return Report(file.kind, precision, contract.steps, len(windows), tuple(differences))


class _References(NamedTuple):
    """Forward passes that a model is compared with.

    Attributes:
        exact: the reference network in float64.
        stored: the same with the compressed matrices that the model stores; those of the
            reference if it is not compressed.
        rounded: the same in the precision of the model's arithmetic.
    """

    exact: NumpyAcousticModel
    stored: NumpyAcousticModel
    rounded: LowPrecisionReference

    @classmethod
    def of(cls, reference: Weights, stored: StoredTensors, precision: str) -> _References:
        """Return them for a model of this precision.

        Another compression of the same matrices, however good, says nothing of the error that a
        few values of a palette make where the network is saturated. So the model's own matrices
        are used, which are compared with the reference one by one.
        """
        exact = NumpyAcousticModel(reference, dtype=np.float64)
        if precision in ("fp32", "fp16") or not stored.complete:
            return cls(exact, exact, LowPrecisionReference(reference, precision))
        own = stored.network()
        compressed = NumpyAcousticModel(own, dtype=np.float64)
        return cls(exact, compressed, LowPrecisionReference(own, "fp16"))


class _Contract:
    """Inputs and outputs of a model, checked against the reference.

    Args:
        file: the model.
        reference: the reference network.
    """

    def __init__(self, file: ModelFile, reference: Weights) -> None:
        self.inputs = {feature.name: feature for feature in file.inputs}
        states = {feature.name: feature for feature in file.states}
        try:
            self.states = [states[name] for name in state_names(states)] if states else []
            check_names(self.inputs, {feature.name for feature in file.outputs}, bool(states))
        except ValueError as error:
            raise invalid_model_error(file.path, str(error)) from error
        self.has_lengths = INPUT_LENGTHS in self.inputs
        shape = self.inputs[INPUT_NODE].shape
        n = reference.n_hidden
        held = self.states[0] if self.states else self.inputs[PREVIOUS_C]
        geometry = (2 * reference.n_context + 1, reference.n_input)
        if len(shape) != 4 or tuple(shape[2:]) != geometry or held.shape != (1, n):
            raise ConversionError(
                f"{file.path.name} takes windows of {shape} and states of {held.shape}, the "
                f"reference has {geometry} and (1, {n})",
                "give the network that it was converted from: --reference",
            )
        steps = shape[1]
        self.flexible = isinstance(steps, tuple)
        self.steps = DEFAULT_STEPS if isinstance(steps, tuple) else steps


def _windows(reference: Weights, steps: int, samples: FloatArray) -> list[tuple[Array, int]]:
    description = dict(reference.description.get("front_end") or _DEFAULT_FRONT_END)
    front_end = create_front_end(description)
    framer = Framer(front_end, steps, reference.n_context)
    windows = [*framer.feed(samples.astype(np.float32)), *framer.finish()]
    if len(windows) < 2:
        raise ConversionError(
            "the recording has fewer than two windows",
            f"use one of at least {(steps + 10) * 0.02 + 0.5:.1f} seconds",
        )
    return [(window.features, window.n) for window in windows]


def _loud(reference: Weights, windows: Sequence[tuple[Array, int]]) -> tuple[Array, int]:
    """Return a window whose first layer exceeds its upper bound."""
    window, n = windows[len(windows) // 2]
    x = window[0, :n].reshape(n, -1).astype(np.float64)
    product = x @ reference.layers["layer_1/weights"]
    factor = LOUDNESS * reference.relu_clip / max(float(product.max()), 1e-3)
    return (window * np.float32(min(max(factor, 1.0), 100.0))).astype(np.float32), n


def _structure(
    contract: _Contract,
    evaluator: Evaluator,
    stored: StoredTensors,
    reference: Weights,
    clip: float,
) -> Iterator[Difference]:
    """Compare the operations, with the same other weights in model and reference."""
    probe = stored.with_unlocated(probe_weights(reference, clip))
    windows, state = probe_windows(reference, contract.steps), probe_state(reference)
    model = list(_run_model(windows, contract, evaluator.exact(stored.replaced(probe)), state))
    truth = list(_run_reference(windows, NumpyAcousticModel(probe, dtype=np.float64), state))
    for k, name, counted in _counted(windows, contract):
        largest, error = _largest_and_error(model, truth, counted, k)
        yield Difference("structure", name, error, TOLERANCE * max(largest, 1.0), largest)


def _compare(
    stream: str,
    windows: Sequence[tuple[Array, int]],
    contract: _Contract,
    evaluator: Evaluator,
    references: _References,
) -> Iterator[Difference]:
    model = list(_run_model(windows, contract, evaluator))
    truth, stored, rounded = (list(_run_reference(windows, each)) for each in references)
    for k, name, counted in _counted(windows, contract):
        largest, error = _largest_and_error(model, truth, counted, k)
        _, compression = _largest_and_error(stored, truth, counted, k)
        _, rounding = _largest_and_error(rounded, stored, counted, k)
        allowed = max(TOLERANCE_FACTOR * rounding, FLOOR * max(largest, 1.0))
        yield Difference(stream, name, error, compression + allowed, largest)


_Outputs = tuple[Array, Array, Array]


def _counted(
    windows: Sequence[tuple[Array, int]], contract: _Contract
) -> Iterator[tuple[int, str, list[int]]]:
    """Yield each output that can be compared, with the windows where it can."""
    for k, name in enumerate(OUTPUT_NAMES):
        # Without input_lengths the state after a short window is invalid.
        counted = [
            i
            for i, (window, n) in enumerate(windows)
            if k == 0 or contract.has_lengths or n == window.shape[1]
        ]
        if counted:
            yield k, name, counted


def _largest_and_error(
    found: Sequence[_Outputs], truth: Sequence[_Outputs], counted: Sequence[int], output: int
) -> tuple[float, float]:
    """Return the largest absolute value and difference of an output; NaN if some is not finite."""
    largest = max(float(np.abs(truth[i][output]).max()) for i in counted)
    errors = [float(np.abs(found[i][output] - truth[i][output]).max()) for i in counted]
    return largest, max(errors) if np.isfinite(errors).all() else float("nan")


def _run_reference(
    windows: Sequence[tuple[Array, int]],
    model: NumpyAcousticModel | LowPrecisionReference,
    state: tuple[Array, Array] | None = None,
) -> Iterator[_Outputs]:
    zeros = np.zeros((1, model.n_hidden))
    state = (zeros, zeros) if state is None else state
    for window, n in windows:
        probabilities, state = model.forward(window, n, state)
        yield probabilities, state[0], state[1]


def _run_model(
    windows: Sequence[tuple[Array, int]],
    contract: _Contract,
    evaluator: Evaluator,
    state: tuple[Array, Array] | None = None,
) -> Iterator[_Outputs]:
    states = evaluator.make_state()
    size = contract.states[0] if contract.states else contract.inputs[PREVIOUS_C]
    c = h = np.zeros([int(n) for n in size.shape if not isinstance(n, tuple)], np.float32)
    if state is not None:
        c, h = state
        states.update((feature.name, array) for feature, array in zip(contract.states, state))
    for window, n in windows:
        arguments = input_arrays(window, n, c, h)
        inputs = {name: arguments[name] for name in contract.inputs if name in arguments}
        outputs = evaluator.predict(inputs, states or None)
        if contract.states:
            c, h = (states[feature.name] for feature in contract.states)
        else:
            c, h = outputs[NEW_C], outputs[NEW_H]
        steps = window.shape[1]
        logits = outputs[LOGITS]
        if logits.size % steps or c.shape != h.shape:
            raise ConversionError(
                f"{LOGITS} has shape {logits.shape} for {steps} steps", "convert it again"
            )
        yield logits.reshape(steps, -1)[:n], c, h
