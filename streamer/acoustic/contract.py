"""The interface of all acoustic models: tensor names, the protocol, and shared checks."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Protocol

import numpy as np

from streamer.arrays import Array, FloatArray
from streamer.errors import ModelError

#: The LSTM's cell c and output h, float32 (1, n_hidden) each.
State = tuple[FloatArray, FloatArray]

#: Tensor names of DeepSpeech's exported graphs, which all of our networks use.
INPUT_NODE = "input_node"
INPUT_LENGTHS = "input_lengths"
PREVIOUS_C = "previous_state_c"
PREVIOUS_H = "previous_state_h"
LOGITS = "logits"
NEW_C = "new_state_c"
NEW_H = "new_state_h"

#: All inputs; ``input_lengths`` may be missing.
INPUT_NAMES = (INPUT_NODE, INPUT_LENGTHS, PREVIOUS_C, PREVIOUS_H)
#: All outputs.
OUTPUT_NAMES = (LOGITS, NEW_C, NEW_H)

#: Steps in a window of a network whose time axis is flexible: what DeepSpeech exports.
DEFAULT_STEPS = 16


def function_of_steps(n_steps: int) -> str:
    """Return the name of the function for windows of so many steps in a package of several."""
    return f"steps_{n_steps}"


class AcousticModel(Protocol):
    """A network of the DeepSpeech family.

    Attributes:
        n_steps: steps in a window.
        n_context: feature vectors before and after the one in the middle of a step.
        n_input: coefficients in a feature vector.
        n_hidden: units of the LSTM.
        n_labels: all outputs: labels and the blank, then the phonemes and their
            blank if the network has them (``n_phonemes`` in ``model.json``).
        backend: ``numpy``, ``onnx`` or ``coreml``.
        compute_unit: ``CPU``, or the Core ML compute units that were requested.
        flexible_steps: whether `infer` accepts windows of any length, not only
            of ``n_steps``.
    """

    n_steps: int
    n_context: int
    n_input: int
    n_hidden: int
    n_labels: int
    backend: str
    compute_unit: str
    flexible_steps: bool

    def initial_state(self) -> State:
        """Return the state at the start of a stream: zeros."""
        ...

    def infer(self, window: FloatArray, n: int, state: State) -> tuple[FloatArray, State]:
        """Run one window.

        Args:
            window: float32 (1, n_steps, 2 * n_context + 1, n_input).
            n: number of real steps, 1 to n_steps; the rest is padding.
            state: from `initial_state` or the previous call.

        Returns:
            Probabilities, float32 (n, n_labels), blank last; and the state
            after step ``n``. A network without ``input_lengths`` also reads
            the padding: after a short window its state is invalid and
            returned as NaN, so that using it shows.

        Raises:
            ModelError: an array has the wrong shape, ``n`` is out of range, or the
                probabilities are not numbers.
        """
        ...


def zero_state(n_hidden: int) -> State:
    """Return c = h = 0, float32 (1, n_hidden) each."""
    return np.zeros((1, n_hidden), np.float32), np.zeros((1, n_hidden), np.float32)


def invalid_state(n_hidden: int) -> State:
    """Return NaN: the state after padding was read as speech."""
    nan = np.full((1, n_hidden), np.nan, np.float32)
    return nan, nan.copy()


def finite(probabilities: FloatArray, network: Path | None) -> FloatArray:
    """Return probabilities that are numbers; a decoder would make words of anything else.

    Args:
        probabilities: float32 (n, n_labels).
        network: the file of the network, for the error.

    Raises:
        ModelError: some are infinite or not a number.
    """
    if not np.isfinite(probabilities).all():
        raise ModelError(
            f"the network {network or 'in memory'} answers with what are not numbers",
            "its weights are damaged: install or convert the model again",
        )
    return probabilities


def input_arrays(window: Array, n: int, c: Array, h: Array) -> dict[str, Array]:
    """Return the arguments of a network by input name; ``input_lengths`` is int32 (1,)."""
    return dict(zip(INPUT_NAMES, (window, np.array([n], np.int32), c, h)))


def check_names(inputs: Collection[str], outputs: Collection[str], stateful: bool = False) -> None:
    """Check that a network has the inputs and outputs of a DeepSpeech graph.

    Args:
        inputs: its input names.
        outputs: its output names.
        stateful: whether it keeps c and h inside, in place of inputs and outputs.

    Raises:
        ValueError: one is missing.
    """
    for name in [INPUT_NODE] if stateful else [INPUT_NODE, PREVIOUS_C, PREVIOUS_H]:
        if name not in inputs:
            raise ValueError(f"no input {name}")
    for name in [LOGITS] if stateful else OUTPUT_NAMES:
        if name not in outputs:
            raise ValueError(f"no output {name}")


def state_names(names: Collection[str]) -> tuple[str, str]:
    """Return the names of c and h among the states of a stateful network.

    Raises:
        ValueError: there are not two states, one ending in ``c`` and one in ``h``.
    """
    found = [[name for name in names if name.endswith(letter)] for letter in "ch"]
    if len(names) != 2 or any(len(matches) != 1 for matches in found):
        raise ValueError(f"its states are {', '.join(names)}, not one for c and one for h")
    return found[0][0], found[1][0]


def check_call(model: AcousticModel, window: FloatArray, n: int, state: State) -> None:
    """Check the arguments of `AcousticModel.infer`.

    Raises:
        ModelError: one does not fit the model.
    """
    steps = window.shape[1] if window.ndim == 4 and model.flexible_steps else model.n_steps
    expected = (1, steps, 2 * model.n_context + 1, model.n_input)
    if window.shape != expected:
        raise ModelError(
            f"the acoustic model takes windows of shape {expected}, not {window.shape}",
            "check n_steps, n_context and n_coefficients in model.json",
        )
    if not 1 <= n <= steps:
        raise ModelError(
            f"a window of {steps} steps cannot have {n} real steps",
            f"pass n between 1 and {steps}",
        )
    for name, part in zip("ch", state):
        if part.shape != (1, model.n_hidden):
            raise ModelError(
                f"state {name} has shape {part.shape}, the model takes (1, {model.n_hidden})",
                "start with initial_state() and pass on the state that infer returns",
            )
