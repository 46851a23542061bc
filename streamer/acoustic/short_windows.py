"""Shorter windows for a network of fixed steps: words come sooner, each window costs the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from streamer.acoustic.contract import AcousticModel, State, check_call
from streamer.arrays import FloatArray
from streamer.errors import ModelError


class ShortWindows:
    """An acoustic model that fills up short windows to those of its network.

    The network must have ``input_lengths``: its state is then that after the last real step, and
    the result is the same whatever the length of the windows.

    Args:
        model: the network.
        n_steps: steps in a window, fewer than the network's.

    Raises:
        ModelError: the network has no ``input_lengths``.
    """

    def __init__(self, model: AcousticModel, n_steps: int) -> None:
        self._model = model
        self.n_steps = n_steps
        self.flexible_steps = False
        self.n_context, self.n_input = model.n_context, model.n_input
        self.n_hidden, self.n_labels = model.n_hidden, model.n_labels
        shape = (1, model.n_steps, 2 * model.n_context + 1, model.n_input)
        self._window = np.zeros(shape, np.float32)
        _, state = model.infer(self._window, n_steps, model.initial_state())
        if not all(np.isfinite(part).all() for part in state):
            raise ModelError(
                "the network has no input_lengths and cannot take shorter windows",
                "convert it with fewer steps, or use --latency normal",
            )

    def infer(self, window: FloatArray, n: int, state: State) -> tuple[FloatArray, State]:
        """See `AcousticModel.infer`."""
        check_call(self, window, n, state)  # type: ignore[arg-type]
        # What is left of the window before it is padding, too.
        self._window[:, : self.n_steps] = window
        return self._model.infer(self._window, n, state)

    def __getattr__(self, name: str) -> Any:
        """Return the model's attribute."""
        return getattr(self._model, name)
