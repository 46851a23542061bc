"""Compares a converted model, evaluated in NumPy, with its reference network.

Both process two streams: audio, window by window with the state passed on, and
the short last window included; and one window made so loud that the hidden
layers reach their upper bound, which speech seldom does. Models with palettes
are compared a second time, with a reference that has the same matrices; see
`streamer.convert.check.stored_matrices`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

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
from streamer.convert.check.stored_matrices import recover_weights
from streamer.convert.check.stored_precision import stored_precision
from streamer.convert.coreml.model_file import ModelFile, invalid_model_error, open_model
from streamer.errors import ConversionError
from streamer.features import Framer, create_front_end

#: The error allowed, as a multiple of the reference's own rounding error: order of sums and
#: intermediate rounding differ.
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
        stream: ``audio``, ``loud`` or ``one call``, with a star if the reference has the
            model's matrices; ``stored`` for those matrices.
        output: name of the output.
        error: largest absolute difference.
        tolerance: largest difference allowed.
        largest: largest absolute value of the reference.
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


def check_model(path: str | Path, reference: Weights, samples: FloatArray) -> Report:
    """Compare a Core ML model with its reference network.

    Args:
        path: a ``.mlpackage`` or ``.mlmodel``.
        reference: the network.
        samples: audio at the network's sample rate, float32 (n,), full scale 1.

    Raises:
        ConversionError: the model is damaged, its geometry differs from the reference, or
            it has an unknown operation and cannot be checked.
    """
    file = open_model(path)
    contract = _Contract(file, reference)
    evaluator = create_evaluator(file)
    windows = _windows(reference, contract.steps, samples)
    precision = stored_precision(file)
    references = (
        NumpyAcousticModel(reference, dtype=np.float64),
        LowPrecisionReference(reference, precision),
    )
    streams: dict[str, list[tuple[Array, int]]] = {
        "audio": windows,
        "loud": [_loud(reference, windows)],
    }
    if contract.flexible:
        whole = np.concatenate([window[:, :n] for window, n in windows], axis=1)
        streams["one call"] = [(whole, whole.shape[1])]
    differences: list[Difference] = []
    for name, stream in streams.items():
        differences.extend(_compare(name, stream, contract, evaluator, references))
    if precision.startswith("palette"):
        errors, stored = recover_weights(file, evaluator, reference, precision)
        differences.extend(Difference("stored", e.name, e.error, e.tolerance, 1.0) for e in errors)
        if stored is not None:
            references = (
                NumpyAcousticModel(stored, dtype=np.float64),
                LowPrecisionReference(stored, "fp16"),
            )
            for name, stream in streams.items():
                found = _compare(f"{name}*", stream, contract, evaluator, references)
                differences.extend(found)
    return Report(file.kind, precision, contract.steps, len(windows), tuple(differences))


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


def _compare(
    stream: str,
    windows: Sequence[tuple[Array, int]],
    contract: _Contract,
    evaluator: Evaluator,
    references: tuple[NumpyAcousticModel, LowPrecisionReference],
) -> Iterator[Difference]:
    exact, rounded = references
    runs = [
        list(_run_model(windows, contract, evaluator)),
        list(_run_reference(windows, exact)),
        list(_run_reference(windows, rounded)),
    ]
    usable = [contract.has_lengths or n == window.shape[1] for window, n in windows]
    for k, name in enumerate(OUTPUT_NAMES):
        # Without input_lengths the state after a short window is invalid.
        counted = [i for i in range(len(windows)) if k == 0 or usable[i]]
        if not counted:
            continue
        model, truth, simulated = ([run[i][k] for i in counted] for run in runs)
        largest = max(float(np.abs(a).max()) for a in truth)
        error = max(float(np.abs(a - b).max()) for a, b in zip(model, truth))
        cost = max(float(np.abs(a - b).max()) for a, b in zip(simulated, truth))
        if not all(np.isfinite(a).all() for a in model):
            error = float("nan")
        tolerance = max(TOLERANCE_FACTOR * cost, FLOOR * max(largest, 1.0))
        yield Difference(stream, name, error, tolerance, largest)


def _run_reference(
    windows: Sequence[tuple[Array, int]], model: NumpyAcousticModel | LowPrecisionReference
) -> Iterator[tuple[Array, Array, Array]]:
    zeros = np.zeros((1, model.n_hidden))
    state: tuple[Array, Array] = (zeros, zeros)
    for window, n in windows:
        probabilities, state = model.forward(window, n, state)
        yield probabilities, state[0], state[1]


def _run_model(
    windows: Sequence[tuple[Array, int]], contract: _Contract, evaluator: Evaluator
) -> Iterator[tuple[Array, Array, Array]]:
    states = evaluator.make_state()
    size = contract.states[0] if contract.states else contract.inputs[PREVIOUS_C]
    c = h = np.zeros([int(n) for n in size.shape if not isinstance(n, tuple)], np.float32)
    for window, n in windows:
        arguments = input_arrays(window, n, c, h)
        inputs = {name: arguments[name] for name in contract.inputs if name in arguments}
        outputs = evaluator.predict(inputs, states or None)
        if contract.states:
            c, h = (states[state.name] for state in contract.states)
        else:
            c, h = outputs[NEW_C], outputs[NEW_H]
        steps = window.shape[1]
        logits = outputs[LOGITS]
        if logits.size % steps or c.shape != h.shape:
            raise ConversionError(
                f"{LOGITS} has shape {logits.shape} for {steps} steps", "convert it again"
            )
        yield logits.reshape(steps, -1)[:n], c, h
