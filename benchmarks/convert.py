"""Time and memory of converting a network of the size of the public releases.

    python -m benchmarks.convert [--units 2048] [--graph small.pb]

First a graph with random weights is written: based on the small original graph
if it is given, or with only the parts that the readers use. Each conversion runs
in a separate process, so that its memory can be measured.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.support.models.bundles import random_weights
from tests.support.models.graphs import graph_bytes, memory_mapped, packaged_graph, resized_graph

#: Limits for each conversion.
MAX_SECONDS, MAX_MEGABYTES = 30.0, 1500.0

_CHILD = """
import json, re, resource, sys, time
from pathlib import Path
started = time.monotonic()
from streamer.convert import convert_to_bundle
source, target, form, precision = sys.argv[1:]
convert_to_bundle(Path(source), Path(target), formats=[form], precision=precision or None)
seconds = time.monotonic() - started
try:
    # Not ru_maxrss: a child inherits it from the parent, which built the graph.
    peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
except OSError:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
print(json.dumps({"seconds": seconds, "cpu": time.process_time(), "megabytes": peak}))
"""


def convert(source: Path, target: Path, form: str, precision: str) -> dict[str, Any]:
    """Convert in a separate process and return its measurements."""
    command = [sys.executable, "-c", _CHILD, str(source), str(target), form, precision]
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(result.stdout.strip().splitlines()[-1]))


def main() -> int:
    """Convert to each format and print a line a conversion."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=2048)
    parser.add_argument("--graph", type=Path, help="an original graph of 64 units")
    parser.add_argument("--precision", action="append", help="for Core ML; default: fp16")
    arguments = parser.parse_args()
    forms: list[Any] = [("onnx", ""), ("onnx", "int8"), ("safetensors", "")]
    forms += [("mlprogram", precision) for precision in arguments.precision or ["fp16"]]
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.graph:
            raw = resized_graph(arguments.graph.read_bytes(), arguments.units)
            package = packaged_graph(raw)
        else:
            weights = random_weights(arguments.units)
            raw, package = graph_bytes(weights), memory_mapped(weights)
        sources = {"pb": raw, "pbmm": package}
        for kind, data in sources.items():
            (folder / f"model.{kind}").write_bytes(data)
        for kind in sources:
            for form, precision in forms if kind == "pbmm" else forms[:1]:
                source, target = folder / f"model.{kind}", folder / "bundle"
                figures = convert(source, target, form, precision)
                written = sum(f.stat().st_size for f in target.rglob("*") if f.is_file())
                print(
                    f"{kind:5} -> {form:12} {precision or 'fp32':9}"
                    f" {figures['seconds']:6.1f} s, {figures['cpu']:5.1f} s of CPU,"
                    f" {figures['megabytes']:6.0f} MB at most, {written / 1e6:6.1f} MB written",
                    flush=True,
                )
                subprocess.run(["rm", "-rf", str(target)], check=True)
                slow = figures["seconds"] > MAX_SECONDS
                failed = failed or slow or figures["megabytes"] > MAX_MEGABYTES
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
