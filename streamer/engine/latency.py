"""Latency and computing time of a stream; the only clock of the engine besides the capture's."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from streamer.percentiles import RecentValues

if TYPE_CHECKING:
    from streamer.acoustic.contract import AcousticModel, State
    from streamer.arrays import FloatArray

#: Percentiles cover this many of the newest values: a few minutes of speech.
_KEPT = 1000


class Figures(NamedTuple):
    """The measured part of `streamer.events.Stats`, under the same names."""

    real_time_factor: float
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    chunk_p50_ms: float | None
    chunk_p95_ms: float | None


class StreamTiming:
    """Measures one stream at a time.

    A session reports arrivals and brackets its calls with `computing`; the
    recogniser asks for the rest when it makes an event.

    Args:
        clock: monotonic, in seconds; also that of the arrival times.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock
        self._latencies_ms = RecentValues(_KEPT)
        self._network_ms = RecentValues(_KEPT)
        self.reset()

    def reset(self) -> None:
        """Begin a new stream."""
        self._latencies_ms.clear()
        self._network_ms.clear()
        self._computing_s = 0.0
        self._computing_since: float | None = None
        self.arrival(0.0, None)

    def arrival(self, end_s: float, arrived: float | None) -> None:
        """Note an arrival.

        Args:
            end_s: end of the newest block, in seconds of the stream.
            arrived: when its last sample arrived, on the clock; None where
                the audio does not come in real time.
        """
        self._end_s, self._arrived = end_s, arrived

    @contextlib.contextmanager
    def computing(self) -> Iterator[None]:
        """Count the time spent in this context."""
        self._computing_since = self.clock()
        try:
            yield
        finally:
            self._computing_s = self._computed_s()
            self._computing_since = None

    def network_call(self, seconds: float) -> None:
        """Add the duration of one call of the acoustic model."""
        self._network_ms.append(seconds * 1000)

    def latency_ms(self, end_s: float) -> float | None:
        """Return how long ago a sample of the newest block arrived, and count it.

        Samples of a live source arrive at their rate: those before the end of
        the block came that much earlier.

        Args:
            end_s: the sample's time, in seconds of the stream.
        """
        if self._arrived is None:
            return None
        arrived = self._arrived - max(0.0, self._end_s - end_s)
        latency_ms = max(0.0, (self.clock() - arrived) * 1000)
        self._latencies_ms.append(latency_ms)
        return latency_ms

    def figures(self, stream_s: float) -> Figures:
        """Return the figures so far.

        Args:
            stream_s: length of the stream so far, in seconds.
        """
        return Figures(
            real_time_factor=self._computed_s() / stream_s if stream_s else 0.0,
            latency_p50_ms=self._latencies_ms.percentile(50),
            latency_p95_ms=self._latencies_ms.percentile(95),
            chunk_p50_ms=self._network_ms.percentile(50),
            chunk_p95_ms=self._network_ms.percentile(95),
        )

    def _computed_s(self) -> float:
        if self._computing_since is None:
            return self._computing_s
        return self._computing_s + self.clock() - self._computing_since


class TimedModel:
    """An acoustic model whose calls are timed.

    Args:
        model: the model; everything but `infer` is its own.
        timing: gets the durations.
    """

    def __init__(self, model: AcousticModel, timing: StreamTiming) -> None:
        self._model = model
        self._timing = timing

    def infer(self, window: FloatArray, n: int, state: State) -> tuple[FloatArray, State]:
        """See `AcousticModel.infer`."""
        start = self._timing.clock()
        result = self._model.infer(window, n, state)
        self._timing.network_call(self._timing.clock() - start)
        return result

    def __getattr__(self, name: str) -> Any:
        """Return the model's attribute."""
        return getattr(self._model, name)
