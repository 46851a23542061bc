"""Time from the command to the first frame of the live view, and to "speak now".

    python -m benchmarks.first_frame [--runs 10] [--json FILE]

Each run starts `python -m streamer listen` in a pseudo-terminal, with a microphone that is the
monitor of a PulseAudio null sink, and ends it once the microphone is open. Prints median and 90th
percentile of both times in seconds, each measured in three ways:

    clock        what a user waits; it also measures what else the machine does
    main thread  processor time of the thread that imports, draws the first frame and starts the
                 others: most of the way to both
    all threads  processor time of all, with the model, which is loaded at the same time and which
                 "speak now" does not wait for

The first run fills the caches and does not count. Needs Linux, PulseAudio and pexpect.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pexpect

from streamer.percentiles import percentile
from tests.support.audio.pulse import virtual_microphone

PROGRAM = (sys.executable, "-m", "streamer", "listen")
#: What the screen says at each moment, in their order.
TEXTS: Mapping[str, str] = {"first frame": "loading the model", "speak now": "speak now"}
#: The aims for the clock, in seconds.
LIMITS_S: Mapping[str, float] = {"first frame": 0.2, "speak now": 0.6}
#: Guards against hangs only, in seconds.
PATIENCE_S = 60.0


class Moment(NamedTuple):
    """How long it took until a text was on the screen, in seconds."""

    clock: float
    main_thread: float
    all_threads: float


def processor_s(pid: int) -> list[float]:
    """Return the processor time of each thread of a process, the main one first, in seconds."""
    threads = sorted(Path(f"/proc/{pid}/task").iterdir(), key=lambda task: int(task.name))
    times = []
    for thread in threads:
        with contextlib.suppress(OSError):  # it has ended meanwhile
            times.append(int((thread / "schedstat").read_text().split()[0]) / 1e9)
    return times


def run_once(environment: Mapping[str, str]) -> dict[str, Moment]:
    """Start the program, wait for the `TEXTS`, and end it."""
    began_s = time.monotonic()
    child = pexpect.spawn(
        PROGRAM[0],
        list(PROGRAM[1:]),
        dimensions=(24, 80),
        env={**environment, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
        timeout=PATIENCE_S,
        encoding="utf-8",
    )
    moments = {}
    try:
        for name, text in TEXTS.items():
            child.expect_exact(text)
            clock_s = time.monotonic() - began_s
            threads = processor_s(child.pid)
            moments[name] = Moment(clock_s, threads[0], sum(threads))
    finally:
        child.kill(signal.SIGKILL)
        child.wait()
        child.close()
    return moments


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table; return 1 if a median by the clock is above its limit."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    options = parser.parse_args(arguments)
    with virtual_microphone() as microphone:
        runs = [run_once(microphone.env) for _ in range(options.runs + 1)][1:]
    figures: dict[str, dict[str, float | None]] = {}
    for name in TEXTS:
        columns = zip(*(run[name] for run in runs))
        figures[name] = {}
        for way, values in zip(Moment._fields, map(list, columns)):
            figures[name][f"{way}_p50_s"] = statistics.median(values)
            figures[name][f"{way}_p90_s"] = percentile(values, 90)
    print(f"{f'{options.runs} runs':13}{'clock':>14}{'main thread':>16}{'all threads':>16}   limit")
    print(f"{'seconds':13}{'    p50    p90' + 2 * '      p50    p90'}   clock")
    for name, row in figures.items():
        p50, p90, *rest = row.values()
        cells = f"{p50:7.2f}{p90:7.2f}" + "".join(
            f"{value:{9 - 2 * (place % 2)}.2f}" for place, value in enumerate(rest)
        )
        print(f"{name:13}{cells}{LIMITS_S[name]:8.1f}")
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return int(
        any(statistics.median(r[name].clock for r in runs) > LIMITS_S[name] for name in TEXTS)
    )


if __name__ == "__main__":
    raise SystemExit(main())
