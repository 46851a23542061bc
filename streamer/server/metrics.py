"""Figures for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from streamer.events import Event, Final, Gap, Partial
from streamer.server.workers.messages import Progress

#: Upper edges of the latencies, in seconds.
LATENCIES_S = (0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)


class Metrics:
    """What a server measures; all names begin with ``streamer_``."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.connections = Gauge("streamer_connections", "Open connections.", registry=registry)
        self.streams = Gauge("streamer_streams", "Open streams.", ["protocol"], registry=registry)
        self.streams_total = Counter(
            "streamer_streams_opened", "Streams so far.", ["protocol"], registry=registry
        )
        self.refused = Counter(
            "streamer_refused", "Refused requests and streams.", ["reason"], registry=registry
        )
        self.audio_s = Counter(
            "streamer_audio_seconds", "Audio recognised, in seconds.", registry=registry
        )
        self.computing_s = Counter(
            "streamer_computing_seconds", "Time that it took, in seconds.", registry=registry
        )
        self.lost_samples = Counter(
            "streamer_lost_samples", "Samples lost, at 16 kHz.", registry=registry
        )
        self.latency_s = Histogram(
            "streamer_latency_seconds",
            "From the arrival of the last sample to its words.",
            registry=registry,
            buckets=LATENCIES_S,
        )
        factor = Gauge(
            "streamer_real_time_factor", "Computing time per second of audio.", registry=registry
        )
        factor.set_function(self._real_time_factor)
        self.worker_restarts = Counter(
            "streamer_worker_restarts", "Workers that crashed.", registry=registry
        )
        self._audio = self._computing = 0.0

    def progress(self, report: Progress) -> None:
        """Count what a worker has done."""
        self._audio += report.audio_s
        self._computing += report.computing_s
        self.audio_s.inc(report.audio_s)
        self.computing_s.inc(report.computing_s)
        for event in report.events:
            self._count(event)

    def page(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self._registry)

    def _count(self, event: Event) -> None:
        if isinstance(event, (Partial, Final)) and event.latency_ms is not None:
            self.latency_s.observe(event.latency_ms / 1000)
        elif isinstance(event, Gap):
            self.lost_samples.inc(event.samples)

    def _real_time_factor(self) -> float:
        return self._computing / self._audio if self._audio else 0.0
