"""``streamer bench``: real-time factor, memory and start-up time, measured from outside.

Each figure is the median over several processes, started as a user would.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from streamer.cli.support.messages import echo
from streamer.cli.support.option_groups import with_options
from streamer.errors import StreamerError

#: The recording is repeated to this length, in seconds, so that start-up does not count.
AUDIO_S = 60.0

#: The length of the recording whose words are waited for, in seconds.
SHORT_S = 2.0

#: The promised upper limits on two cores: a ratio, MB, seconds.
LIMITS = {"real-time factor": 0.045, "memory": 200.0, "time until listening": 1.0}

#: A process that takes longer has hung, in seconds.
_LIMIT_S = 300.0

_CHILD = """
import json, sys, time
from streamer.cli.support.memory import peak_memory_mb, resident_parts_mb
from streamer.events import Stats
from streamer.transcriber import Transcriber
with Transcriber(sys.argv[2], partials=True) as transcriber:
    transcriber.about  # waits for the model
    begin_s = time.process_time()
    for event in transcriber.transcribe(sys.argv[1]):
        last = event
    busy_s = time.process_time() - begin_s
    parts = resident_parts_mb()
print(json.dumps({
    "rtf": last.real_time_factor, "memory_mb": peak_memory_mb(), "busy": busy_s / last.time,
    "parts_mb": parts,
    "chunk_p50_ms": last.chunk_p50_ms, "chunk_p95_ms": last.chunk_p95_ms,
}))
"""


@with_options
def bench(
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME|FOLDER", help="Model to measure: a name or the folder of a bundle."
        ),
    ] = "english",
    file: Annotated[
        Optional[Path],
        typer.Option(metavar="FILE", help="Recording to use; the bundled one by default."),
    ] = None,
    runs: Annotated[
        int, typer.Option(min=1, metavar="N", help="Number of processes per figure.")
    ] = 3,
    compute_units: Annotated[
        Optional[str],
        typer.Option(
            "--compute-units",
            metavar="UNITS",
            help="On macOS: measure Core ML on CPU_ONLY, CPU_AND_GPU, CPU_AND_NE, ALL or 'all' of "
            "these, in each shape, and remember the fastest.",
        ),
    ] = None,
) -> None:
    """Measure real-time factor, memory and start-up time."""
    if compute_units is not None:
        from streamer.cli.commands.machine.bench_units import bench_compute_units

        bench_compute_units(model, compute_units)
        return
    import statistics  # loads slowly, for all commands

    from streamer.cli.commands.speech.demo import sample_path

    recording = file or sample_path()
    with tempfile.TemporaryDirectory() as folder:
        long = Path(folder) / "long.wav"
        seconds = _repeat(recording, long)
        figures = "figures of one process" if runs == 1 else f"medians of {runs} processes"
        echo(f"{recording.name}, repeated to {seconds:.0f} s; {figures}")
        found = [_transcribe(long, model) for _ in range(runs)]
    started = [_start(recording, model) for _ in range(runs)]
    _row("real-time factor", statistics.median(f["rtf"] for f in found), "{:.3f}", "")
    busy = statistics.median(f["busy"] for f in found)
    print(f"{'CPU time, all threads':30} {busy:.3f} s per second of audio")
    memory = [f["memory_mb"] for f in found if f["memory_mb"] is not None]
    if memory:
        _row("memory", statistics.median(memory), "{:.0f}", " MB")
    parts = [f["parts_mb"] for f in found if f["parts_mb"] is not None]
    if parts:
        private, mapped = (statistics.median(column) for column in zip(*parts))
        print(
            f"{'  private at the end':30} {private:.0f} MB, pages of mapped files {mapped:.0f} MB"
        )
    _row("time until listening", statistics.median(s for s, _ in started), "{:.2f}", " s")
    ready_s = statistics.median(s for _, s in started)
    print(f"{'time until the model is ready':30} {ready_s:.2f} s")
    with tempfile.TemporaryDirectory() as folder:
        short = Path(folder) / "short.wav"
        _cut(recording, short)
        words = [_words(short, model) for _ in range(runs)]
    words_s = statistics.median(s for s, _ in words)
    line = f"{'words of a two-second file':30} {words_s:.2f} s"
    cpu_s = [s for _, s in words if s is not None]
    print(line + (f", CPU time {statistics.median(cpu_s):.2f} s" if cpu_s else ""))
    from streamer.cli.commands.machine.bench_start import report_start

    report_start()
    p50 = statistics.median(f["chunk_p50_ms"] for f in found if f["chunk_p50_ms"] is not None)
    p95 = statistics.median(f["chunk_p95_ms"] for f in found if f["chunk_p95_ms"] is not None)
    print(f"{'network, per chunk':30} p50 {p50:.1f} ms, p95 {p95:.1f} ms")


def _row(name: str, value: float, form: str, unit: str) -> None:
    limit = LIMITS[name]
    verdict = "ok" if value <= limit else "MISSED"
    print(f"{name:30} {form.format(value)}{unit}  (limit: {limit:g}{unit}, {verdict})")


def _read(recording: Path) -> Any:
    """Return the samples of a recording at the models' rate."""
    import numpy as np

    from streamer.audio.sources.recording import RecordingSource
    from streamer.endpointing.settings import RATE_HZ

    source = RecordingSource(recording)
    source.open(RATE_HZ)
    blocks: list[Any] = []
    while True:
        block = source.read()
        if block is None:
            break
        blocks.append(block)
    source.close()
    return np.concatenate([*blocks, np.zeros(0, np.float32)])


def _repeat(recording: Path, target: Path) -> float:
    """Write the recording repeated, with pauses, and return its length in seconds."""
    import numpy as np
    import soundfile

    from streamer.endpointing.settings import RATE_HZ

    once = np.concatenate([_read(recording), np.zeros(RATE_HZ, np.float32)])
    times = max(1, round(AUDIO_S * RATE_HZ / len(once)))
    soundfile.write(str(target), np.tile(once, times), RATE_HZ, subtype="PCM_16")
    return len(once) * times / RATE_HZ


def _cut(recording: Path, target: Path) -> None:
    """Write the first two seconds of the recording."""
    import soundfile

    from streamer.endpointing.settings import RATE_HZ

    samples = _read(recording)[: round(SHORT_S * RATE_HZ)]
    soundfile.write(str(target), samples, RATE_HZ, subtype="PCM_16")


def _words(recording: Path, model: str) -> tuple[float, float | None]:
    """Transcribe as a user would; return the seconds it took, and of them processor time."""
    command = [sys.executable, "-m", "streamer", "transcribe", "--model", model, str(recording)]
    begin_s, begin_cpu_s = time.monotonic(), _children_cpu_s()
    done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    seconds, end_cpu_s = time.monotonic() - begin_s, _children_cpu_s()
    if done.returncode:
        raise _failed(done.stderr)
    if begin_cpu_s is None or end_cpu_s is None:
        return seconds, None
    return seconds, end_cpu_s - begin_cpu_s


def _children_cpu_s() -> float | None:
    """Return the processor time of all processes that were waited for; None if unknown."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _transcribe(recording: Path, model: str) -> dict[str, Any]:
    """Transcribe in a new process and return its figures."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(recording), model],
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        check=False,
    )
    if done.returncode:
        raise _failed(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _start(recording: Path, model: str) -> tuple[float, float]:
    """Return the seconds until capture starts, and until the model is loaded too."""
    command = [sys.executable, "-m", "streamer", "transcribe", "--realtime", "--stdout"]
    command += ["--format", "jsonl", "--model", model, str(recording)]
    begin_s = time.monotonic()
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )
    assert child.stdout is not None and child.stderr is not None
    try:
        first_line = child.stderr.readline()
        listening_s = time.monotonic() - begin_s
        if not child.stdout.readline():
            raise _failed(first_line + child.stderr.read())
        return listening_s, time.monotonic() - begin_s
    finally:
        child.kill()
        child.communicate()


def _failed(stderr: str) -> StreamerError:
    lines = stderr.strip().splitlines()
    return StreamerError(
        f"a benchmark process failed: {lines[-1] if lines else 'no error message'}",
        "see: streamer doctor",
    )


def register(app: typer.Typer) -> None:
    """Add ``streamer bench`` to the command line."""
    app.command("bench")(bench)
