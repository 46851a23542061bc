"""The one interface of all acoustic models, and the checks that they share."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from streamer.arrays import FloatArray
from streamer.errors import ModelError

#: The LSTM's cell c and output h, float32 (1, n_hidden) each.
State = tuple[FloatArray, FloatArray]

#: Names that DeepSpeech's exported graphs and all of our networks use.
INPUT_NODE = "input_node"
INPUT_LENGTHS = "input_lengths"
PREVIOUS_C = "previous_state_c"
PREVIOUS_H = "previous_state_h"
LOGITS = "logits"
NEW_C = "new_state_c"
NEW_H = "new_state_h"


class AcousticModel(Protocol):
    """A network of the DeepSpeech family.

    Attributes:
        n_steps: steps in a window.
        n_context: feature vectors before and after the one in the middle of a step.
        n_input: coefficients in a feature vector.
        n_hidden: units of the LSTM.
        n_labels: labels and the blank, which is the last one; phonemes and their blank
            behind them, where it hears both (``n_phonemes`` in ``model.json``).
        backend: ``numpy``, ``onnx`` or ``coreml``.
        compute_unit: ``CPU``, or what Core ML was asked for.
        flexible_steps: whether `infer` takes windows of any length, not of
            ``n_steps`` only.
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
            n: how many of its steps are real, 1 to n_steps.
            state: from `initial_state` or the call before.

        Returns:
            Probabilities, float32 (n, n_labels), blank last; and the state
            after step ``n``. A network that has no input for ``n`` has read
            the padding as well: after a short window its state is of no use
            and comes back as NaN, so that going on with it shows.

        Raises:
            ModelError: an array has another shape, or ``n`` is out of range.
        """
        ...


def zero_state(n_hidden: int) -> State:
    """Return c = h = 0, float32 (1, n_hidden) each."""
    return np.zeros((1, n_hidden), np.float32), np.zeros((1, n_hidden), np.float32)


def unusable_state(n_hidden: int) -> State:
    """Return the state after padding was read as if it were speech: NaN."""
    nan = np.full((1, n_hidden), np.nan, np.float32)
    return nan, nan.copy()


def check_call(model: AcousticModel, window: FloatArray, n: int, state: State) -> None:
    """Refuse arguments of `AcousticModel.infer` that do not fit the model.

    Raises:
        ModelError: saying which one and what was expected.
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
            f"a window of {steps} steps cannot have {n} real ones",
            f"pass n between 1 and {steps}",
        )
    for name, part in zip("ch", state):
        if part.shape != (1, model.n_hidden):
            raise ModelError(
                f"state {name} has shape {part.shape}, the model wants (1, {model.n_hidden})",
                "begin with initial_state() and pass on what infer returns",
            )
