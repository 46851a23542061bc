"""What each stage costs: time per call, processor time, latency, and peers on the same recording.

    python -m benchmarks.stages [RECORDING] [--soak soak.json] [--peers] [--output FOLDER]

The recording is brought to 48 kHz, as a microphone delivers it, and transcribed twice: at full
speed, for the cost of the stages, and in real time with the live view in a pseudo-terminal, for
drawing and for the latency of partials and finals. Prints tables and writes ``stages.json`` and,
where matplotlib is installed, ``stages.png``: the distribution of the latency, and what
``benchmarks.soak --json`` measured: cost against the minute of speech, memory against the hour.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import soundfile
import soxr

from benchmarks.drawing import INFO, terminal
from benchmarks.wer import ENGINES
from streamer import Final, Partial, Transcriber
from streamer.audio.sources.recording import RecordingSource
from streamer.cli.commands.speech.demo import sample_path
from streamer.decoding.streaming import StreamingDecoder
from streamer.endpointing.voice_activity import VoiceActivity
from streamer.engine.latency import TimedModel
from streamer.engine.written_stream import WrittenStream
from streamer.features import Framer
from streamer.percentiles import percentile
from streamer.terminal import LiveView
from streamer.training.data.cache import read_audio

MICROPHONE_HZ = 48000
PERCENTS = (50, 95, 99)

#: The calls that make up each stage, in the order of the flow.
STAGES: dict[str, list[tuple[type, str]]] = {
    "capture": [(RecordingSource, "read")],
    "voice activity": [(VoiceActivity, "feed"), (VoiceActivity, "finish")],
    "features": [(Framer, "feed"), (Framer, "finish")],
    "network": [(TimedModel, "infer")],
    "decoder": [(StreamingDecoder, name) for name in ("feed", "hypothesis", "finish", "reset")],
    "written form": [(WrittenStream, name) for name in ("partial", "final", "close")],
    "drawing": [(LiveView, "_draw")],
}

#: Engines to compare with that have no model in their package: a line says so.
WITHOUT_MODEL = {"deepspeech": "deepspeech", "stt": "stt", "vosk": "vosk"}
PEERS = ("streamer", "pocketsphinx", "whisper-tiny.en", "moonshine-tiny-en")


class Meter:
    """Times the calls of the stages while it is used as a context."""

    def __init__(self, stages: Sequence[str]) -> None:
        self._stages = stages
        self._originals: list[tuple[type, str, Any]] = []
        self.wall_ms: dict[str, list[float]] = defaultdict(list)
        self.cpu_s: dict[str, float] = defaultdict(float)

    def __enter__(self) -> Meter:
        for stage in self._stages:
            for owner, name in STAGES[stage]:
                original = getattr(owner, name)
                self._originals.append((owner, name, original))
                setattr(owner, name, self._timed(stage, original))
        return self

    def __exit__(self, *_: object) -> None:
        for owner, name, original in self._originals:
            setattr(owner, name, original)

    def _timed(self, stage: str, call: Any) -> Any:
        @functools.wraps(call)
        def timed(*arguments: Any, **options: Any) -> Any:
            wall_s, cpu_s = time.perf_counter(), time.thread_time()
            try:
                return call(*arguments, **options)
            finally:
                self.wall_ms[stage].append(1000 * (time.perf_counter() - wall_s))
                self.cpu_s[stage] += time.thread_time() - cpu_s

        return timed

    def figures(self, audio_s: float) -> dict[str, dict[str, Any]]:
        """Return calls, milliseconds per call and processor time per second of audio."""
        return {
            stage: {
                "calls": len(self.wall_ms[stage]),
                **{f"p{p}_ms": percentile(self.wall_ms[stage], p) for p in PERCENTS},
                "cpu": self.cpu_s[stage] / audio_s,
            }
            for stage in self._stages
        }


def full_speed(recording: Path, model: str, audio_s: float) -> dict[str, Any]:
    """Return the figures of all stages but drawing, and the processor time of the whole."""
    with Transcriber(model) as transcriber:
        transcriber.load()
        for _ in transcriber.transcribe(recording):  # everything has been used once
            pass
        with Meter([stage for stage in STAGES if stage != "drawing"]) as meter:
            begin_s = time.process_time()
            for _ in transcriber.transcribe(recording):
                pass
            whole = (time.process_time() - begin_s) / audio_s
    stages = meter.figures(audio_s)
    stages["everything else"] = {"cpu": whole - sum(part["cpu"] for part in stages.values())}
    return {"stages": stages, "cpu": whole}


def real_time(recording: Path, model: str, audio_s: float) -> dict[str, Any]:
    """Return the figures of drawing and the latencies of partials and finals, in ms."""
    latencies: dict[str, list[float]] = {"partials": [], "finals": []}
    with Transcriber(model) as transcriber, terminal(100, 30) as stream:
        transcriber.load()
        with Meter(["drawing"]) as meter, LiveView(INFO, file=stream) as view:
            for event in transcriber.transcribe(recording, realtime=True):
                view.write(event)
                if isinstance(event, (Partial, Final)) and event.latency_ms is not None:
                    kind = "partials" if isinstance(event, Partial) else "finals"
                    latencies[kind].append(event.latency_ms)
    return {"stages": meter.figures(audio_s), "latency_ms": latencies}


def peers(recording: Path, transcript: str, model: str) -> dict[str, Any]:
    """Return processor time, memory and text of other engines, or why they were skipped."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / "one.tsv"
        manifest.write_text(f"path\ttranscript\n{recording.resolve()}\t{transcript}\n")
        for name in PEERS:
            if any(importlib.util.find_spec(module) is None for module in ENGINES[name][0]):
                found[name] = "not installed"
                continue
            command = [sys.executable, "-m", "benchmarks.wer", "--child", name, "--model", model]
            done = subprocess.run(
                [*command, str(manifest)], capture_output=True, text=True, check=False
            )
            found[name] = json.loads(done.stdout) if not done.returncode else "failed"
    for name, module in WITHOUT_MODEL.items():
        there = importlib.util.find_spec(module) is not None
        found[name] = "no model" if there else "not installed"
    return found


def plot(figures: dict[str, Any], soak: dict[str, Any] | None, target: Path) -> None:
    """Draw the latencies and, if there is one, the soak test."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.5), layout="constrained")
    axes = figure.subplots(1, 3 if soak else 1, squeeze=False)[0]
    for kind, values in figures["latency_ms"].items():
        if values:
            axes[0].ecdf(values, label=kind)
    axes[0].set(xlabel="latency, ms", ylabel="share of events", xlim=(0, None))
    axes[0].legend()
    if soak:
        minutes = [line[0] for line in soak["lines"]]
        axes[1].plot(minutes, [line[1] / 60 for line in soak["lines"]])
        axes[1].set(xlabel="minute of speech", ylabel="processor time of real time", ylim=(0, None))
        hours = [minute / 60 for minute in minutes]
        axes[2].plot(hours, [line[3] for line in soak["lines"]], label="private")
        axes[2].plot(hours, [line[4] for line in soak["lines"]], label="mapped files")
        axes[2].set(xlabel="hour of speech", ylabel="memory, MB", ylim=(0, None))
        axes[2].legend()
    figure.savefig(target, dpi=120)


def table(figures: dict[str, Any]) -> str:
    """Return the figures as text."""
    lines = [f"{'stage':16} {'calls':>6} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8} {'CPU':>7}"]
    for name, row in figures["stages"].items():
        times = [row.get(f"p{p}_ms") for p in PERCENTS]
        cells = " ".join(f"{'' if t is None else format(t, '.2f'):>8}" for t in times)
        lines.append(f"{name:16} {row.get('calls', ''):>6} {cells} {row['cpu']:7.4f}")
    lines.append(f"{'whole, no drawing':50} {figures['cpu']:7.4f}")
    for kind, values in figures["latency_ms"].items():
        cells = ", ".join(f"p{p} {percentile(values, p):.0f}" for p in PERCENTS if values)
        lines.append(f"latency of {len(values)} {kind}, ms: {cells or 'none'}")
    for name, peer in figures.get("peers", {}).items():
        if isinstance(peer, str):
            lines.append(f"{name:16} {peer}")
        else:
            lines.append(f"{name:16} CPU {peer['cpu']:.3f}, {peer['megabytes']:.0f} MB")
    return "\n".join(lines)


def main() -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("recording", nargs="?", type=Path, help="the bundled one by default")
    parser.add_argument("--model", default="english")
    parser.add_argument("--soak", type=Path, help="figures of benchmarks.soak")
    parser.add_argument("--peers", action="store_true", help="other engines too")
    parser.add_argument("--output", type=Path, default=Path(), help="folder of the results")
    known = parser.parse_args()
    soak = json.loads(known.soak.read_text(encoding="utf-8")) if known.soak else None
    recording = known.recording or sample_path()
    samples = read_audio(recording, MICROPHONE_HZ)
    audio_s = len(samples) / MICROPHONE_HZ
    with tempfile.TemporaryDirectory() as folder:
        microphone = Path(folder) / "microphone.wav"
        soundfile.write(str(microphone), samples, MICROPHONE_HZ, subtype="PCM_16")
        figures: dict[str, Any] = {"recording": recording.name, "audio_s": audio_s}
        figures.update(full_speed(microphone, known.model, audio_s))
        live = real_time(microphone, known.model, audio_s)
        if known.peers:
            mono = Path(folder) / "peer.wav"
            soundfile.write(str(mono), soxr.resample(samples, MICROPHONE_HZ, 16000), 16000)
            figures["peers"] = peers(mono, "unknown", known.model)
    figures["stages"].update(live["stages"])
    figures["latency_ms"] = live["latency_ms"]
    print(table(figures))
    known.output.mkdir(parents=True, exist_ok=True)
    target = known.output / "stages.json"
    target.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if importlib.util.find_spec("matplotlib") is None:
        print("no plot: matplotlib is not installed")
    else:
        plot(figures, soak, known.output / "stages.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
