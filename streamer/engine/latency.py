"""What is measured while a stream is transcribed; the only clocks besides the capture's."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from streamer.acoustic.contract import AcousticModel, State
    from streamer.arrays import FloatArray

#: Percentiles are taken over so many of the newest values: some minutes of speech.
_KEPT = 1000


class Durations:
    """The newest of many durations, and what they are like."""

    def __init__(self) -> None:
        self._values_ms: deque[float] = deque(maxlen=_KEPT)

    def add(self, milliseconds: float) -> None:
        """Take one more."""
        self._values_ms.append(milliseconds)

    def clear(self) -> None:
        """Forget all of them."""
        self._values_ms.clear()

    def percentile(self, percent: float) -> float | None:
        """The smallest value that so many percent do not exceed; None without values."""
        values = sorted(self._values_ms)
        if not values:
            return None
        return values[min(len(values) - 1, int(len(values) * percent / 100))]


class TimedModel:
    """An acoustic model whose calls are timed; everything else is the model's own.

    Args:
        model: the model.
        clock: seconds that only ever grow.
    """

    def __init__(
        self, model: AcousticModel, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._model = model
        self._clock = clock
        self._infer = model.infer
        self.durations = Durations()

    def infer(self, window: FloatArray, n: int, state: State) -> tuple[FloatArray, State]:
        """See `AcousticModel.infer`."""
        start = self._clock()
        result = self._infer(window, n, state)
        self.durations.add((self._clock() - start) * 1000)
        return result

    def __getattr__(self, name: str) -> Any:
        """Everything else the model has."""
        return getattr(self._model, name)
