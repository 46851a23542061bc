"""Fuzzes the readers with damaged networks for a given time.

    python -m benchmarks.fuzz_readers --minutes 10 [FILE...]

Damages the given files and small generated ones. The exit code is 1 after any
exception other than ConversionError, a file that takes more than a second of
processor time, or memory beyond a few hundred megabytes.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from streamer.convert.readers import read_network
from streamer.convert.writers.onnx import write_onnx
from streamer.convert.writers.safetensors import write_safetensors
from streamer.errors import ConversionError
from tests.support.models.bundles import random_weights
from tests.support.models.graphs import graph_bytes, memory_mapped
from tests.support.models.lite import lite_bytes
from tests.support.models.mutations import mutated

#: Processor time for one small file.
MAX_SECONDS = 1.0
#: More than Python, NumPy, onnx and hypothesis need.
MAX_MEGABYTES = 600.0


def bases(folder: Path) -> dict[str, bytes]:
    """Return small files of each format by name."""
    weights = random_weights(2)
    write_onnx(weights, folder / "made.onnx")
    write_safetensors(weights, folder / "made.safetensors")
    return {
        "made.pb": graph_bytes(weights),
        "made.pbmm": memory_mapped(weights),
        "made.tflite": lite_bytes(weights)[0],
        "made.onnx": (folder / "made.onnx").read_bytes(),
        "made.safetensors": (folder / "made.safetensors").read_bytes(),
    }


class Tally:
    """Counts results and the slowest file."""

    def __init__(self) -> None:
        self.counts = {"read": 0, "refused": 0}
        self.slowest_s = 0.0

    def attack(self, path: Path, raw: bytes, number: int, examples: int = 100) -> None:
        """Run the readers on a number of damaged versions of a file."""

        @seed(number)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(data=mutated(raw))
        def once(data: bytes) -> None:
            path.write_bytes(data)
            started = time.process_time()
            try:
                read_network(path)
                self.counts["read"] += 1
            except ConversionError:
                self.counts["refused"] += 1
            self.slowest_s = max(self.slowest_s, time.process_time() - started)

        once()


def main() -> int:
    """Run for the given time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    arguments = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        originals = bases(folder)
        originals.update({file.name: file.read_bytes() for file in arguments.files})
        end, number = time.monotonic() + 60 * arguments.minutes, 0
        while time.monotonic() < end:
            for file_name, raw in originals.items():
                tally.attack(folder / file_name, raw, number)
                number += 1
    report: dict[str, Any] = {
        **tally.counts,
        "slowest_s": round(tally.slowest_s, 3),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
    print(report)
    return int(tally.slowest_s > MAX_SECONDS or report["peak_mb"] > MAX_MEGABYTES)


if __name__ == "__main__":
    sys.exit(main())
