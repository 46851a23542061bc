"""Processor time and frame rate of the live view.

Runs the real view in a pseudo-terminal for some seconds under three loads: an
ordinary sentence, five minutes without a pause, and an event every 10 ms. Prints a
line for each; exits with 1 if a limit is exceeded (15 frames/s, 5 % of a core).

    python benchmarks/drawing.py [--seconds N]
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import pty
import struct
import sys
import termios
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from streamer.events import Final, Partial, Stats, Word
from streamer.terminal import LiveView, ViewInfo

MAX_FRAMES_PER_S = 15
MAX_SHARE = 0.05
INFO = ViewInfo("built-in microphone", 48_000, "english", "onnx", "CPU")
SIZES = [(80, 24), (40, 12), (120, 40)]
VOCABULARY = "the quick brown fox jumps over a lazy dog while every engineer listens".split()


@dataclass(frozen=True)
class Load:
    """A load: its name, words said before, and events per second."""

    name: str
    words_before: int
    partials_per_s: float
    stats_per_s: float


LOADS = [
    Load("a sentence, a partial every 320 ms", 8, 3.125, 4),
    Load("five minutes without a pause", 750, 3.125, 4),
    Load("an event every 10 ms, five minutes without a pause", 750, 100, 4),
]


def partial(seq: int, n_words: int) -> Partial:
    """Return a partial of ``n_words`` words: the last three unstable, every fifth unsure."""
    words = tuple(
        Word(VOCABULARY[i % len(VOCABULARY)], i * 0.4, i * 0.4 + 0.3, 0.2 if i % 5 == 0 else 0.9)
        for i in range(n_words)
    )
    spoken = [word.word for word in words]
    return Partial(
        segment=seq // 1_000_000,
        seq=seq,
        start=0.0,
        end=n_words * 0.4,
        text=" ".join(spoken),
        stable=" ".join(spoken[:-3]),
        words=words,
        latency_ms=200.0,
    )


def stats(seq: int, elapsed_s: float) -> Stats:
    """Return figures that differ each time, so that each one needs a frame."""
    level = -30.0 + 20.0 * ((seq * 7) % 10) / 10
    return Stats(seq, elapsed_s, 0.03, 200.0, 320.0, 0, level, level + 6, False, True, seq)


@contextlib.contextmanager
def terminal(columns: int, rows: int) -> Iterator[TextIO]:
    """Yield a pseudo-terminal that is read as fast as it is written."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def drain() -> None:
        with contextlib.suppress(OSError):
            while os.read(master, 1 << 16):
                pass

    threading.Thread(target=drain, daemon=True).start()
    with os.fdopen(slave, "w", encoding="utf-8") as stream:
        yield stream
    os.close(master)


def measure(load: Load, size: tuple[int, int], seconds: float) -> tuple[float, float, float]:
    """Return frames per second, the drawing thread's share of a core, and its ms per frame."""
    with terminal(*size) as stream:
        view = LiveView(INFO, file=stream)
        with view:
            began = time.monotonic()
            seq, next_partial, next_stats = 0, 0.0, 0.0
            n_words = load.words_before
            while (elapsed := time.monotonic() - began) < seconds:
                if elapsed >= next_partial:
                    seq, n_words = seq + 1, n_words + 1
                    if n_words > load.words_before + 40:
                        n_words = load.words_before
                    view.write(partial(seq, n_words))
                    next_partial += 1 / load.partials_per_s
                if elapsed >= next_stats:
                    seq += 1
                    view.write(stats(seq, elapsed))
                    next_stats += 1 / load.stats_per_s
                time.sleep(max(0.0, min(next_partial, next_stats) - (time.monotonic() - began)))
            view.write(Final(0, seq + 1, 0.0, 1.0, "the end", "the end"))
        elapsed = time.monotonic() - began
    return (
        view.frames / elapsed,
        view.drawing_cpu_s / elapsed,
        view.drawing_cpu_s * 1e3 / (view.frames),
    )


def main() -> int:
    """Run all loads and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="duration of each measurement")
    seconds = parser.parse_args().seconds
    broken: list[str] = []
    print(f"{'load':52} {'size':>7} {'frames/s':>9} {'of a core':>10} {'ms/frame':>9}")
    for load in LOADS:
        for columns, rows in SIZES:
            frames, share, cost_ms = measure(load, (columns, rows), seconds)
            size = f"{columns}x{rows}"
            print(f"{load.name:52} {size:>7} {frames:9.1f} {share:9.1%} {cost_ms:9.2f}")
            if frames > MAX_FRAMES_PER_S or share > MAX_SHARE:
                broken.append(f"{load.name}, {size}")
    for what in broken:
        print(f"limit exceeded: {what}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
