"""Fuzzes readers for a given time each.

    python -m tests.fuzz [--seconds 120] [--cases N] [--findings FOLDER] [TARGET...]

Inputs are those of tests/corpus and small generated ones, damaged at random. Anything but a result
or a StreamerError is a finding, and so are five seconds of processor time and half a gigabyte of
memory for one input. The smallest input of each finding is kept; then the exit code is 1. Each
target runs in a process of its own, so that a crash of a library is a finding too.
"""

from __future__ import annotations

import argparse
import faulthandler
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from streamer.errors import StreamerError
from tests.fuzz.damage import damaged
from tests.fuzz.targets import TARGETS, Target
from tests.support.paths import ROOT

#: Processor time that one input may take.
MAX_SECONDS = 5.0
#: Memory that all inputs may take together: nothing is kept.
MAX_BYTES = 512 << 20
#: Inputs between two looks at the clock.
ROUND = 100


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=float, default=120.0, help="for each target")
    parser.add_argument("--cases", type=int, default=0, help="end a target after so many inputs")
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--here", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = sorted(set(options.targets) - set(TARGETS))
    if unknown:
        parser.error(f"there is no target {unknown[0]}; choose from {', '.join(TARGETS)}")
    found = 0
    for name in options.targets or TARGETS:
        if options.here:
            return fuzz(
                name, options.seconds, options.cases, options.findings, options.seed, options.here
            )
        found |= _fuzz_apart(name, options) != 0
    return int(found)


def _fuzz_apart(name: str, options: argparse.Namespace) -> int:
    """Fuzz one target in a process of its own; return its exit code."""
    # In memory where there is such a place: writing the inputs takes most of the time.
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=shared) as work:
        arguments = [name, "--here", work, "--seconds", str(options.seconds), "--cases",
                     str(options.cases), "--findings", str(options.findings), "--seed",
                     str(options.seed)]  # fmt: skip
        command = [sys.executable, "-m", "tests.fuzz", *arguments]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        if code not in (0, 1):
            where = "before its first input"
            inputs = [path for path in Path(work).iterdir() if path.is_file()]
            if inputs:
                # The process died of the input that it wrote last.
                last = max(inputs, key=lambda path: path.stat().st_mtime_ns)
                kept = options.findings / name / f"crash-{last.name}"
                kept.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(last, kept)
                where = f"at {kept}"
            print(f"{name}: ended with code {code} {where}", flush=True)
    return code


def fuzz(name: str, seconds: float, cases: int, findings: Path, start: int, folder: Path) -> int:
    """Fuzz one target in this process, with its inputs in a folder; return the exit code."""
    # Tools such as ffmpeg are not ours to fuzz.
    os.environ["PATH"] = ""
    keeper = Findings(findings / name)
    (folder / "target").mkdir()
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    target = TARGETS[name](folder / "target")
    _limit_memory()
    dice, names = random.Random(start), sorted(target.seeds)
    end = time.monotonic() + seconds
    while time.monotonic() < end and not 0 < cases <= keeper.cases:
        # A hang ends with a traceback.
        faulthandler.dump_traceback_later(120, exit=True, file=sys.__stderr__)
        for _ in range(ROUND):
            chosen = dice.choice(names)
            other = target.seeds[dice.choice(names)]
            raw = damaged(target.seeds[chosen], other, dice)
            keeper.attack(target, folder / chosen, raw)
    faulthandler.cancel_dump_traceback_later()
    print(json.dumps({"target": name, **keeper.summary(), "seed": start}), flush=True)
    return int(bool(keeper.smallest))


class Findings:
    """Runs inputs, counts them, and keeps the smallest of each kind of failure."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.counts: Counter[str] = Counter()
        self.smallest: dict[str, int] = {}
        self.slowest_s = 0.0
        self.start_bytes = 0

    @property
    def cases(self) -> int:
        """Inputs so far."""
        return sum(self.counts.values())

    def attack(self, target: Target, path: Path, raw: bytes) -> None:
        """Run a target on an input."""
        self.start_bytes = self.start_bytes or _resident()
        started = time.process_time()
        try:
            target.run(raw, path)
            self.counts["read"] += 1
        except StreamerError as error:
            self.counts["refused"] += 1
            if "\n" in str(error):
                self._keep("several lines", path, raw)
        except Exception as error:
            self.counts["failed"] += 1
            self._keep(_signature(error), path, raw)
        took = time.process_time() - started
        self.slowest_s = max(self.slowest_s, took)
        if took > MAX_SECONDS:
            self._keep(f"took {MAX_SECONDS:.0f} s", path, raw)
        if self.cases % 20 == 0 and _resident() - self.start_bytes > MAX_BYTES:
            self._keep("memory", path, raw)

    def summary(self) -> dict[str, object]:
        """Return what happened."""
        return {
            "cases": self.cases,
            **self.counts,
            "slowest_s": round(self.slowest_s, 3),
            "grown_mb": round((_resident() - self.start_bytes) / 1e6, 1),
            "findings": sorted(self.smallest),
        }

    def _keep(self, what: str, path: Path, raw: bytes) -> None:
        if len(raw) >= self.smallest.get(what, 1 << 62):
            return
        self.smallest[what] = len(raw)
        self.folder.mkdir(parents=True, exist_ok=True)
        key = hashlib.sha256(what.encode()).hexdigest()[:8]
        (self.folder / f"{key}-{path.name}").write_bytes(raw)
        (self.folder / f"{key}.txt").write_text(what + "\n")


def _signature(error: Exception) -> str:
    """Return the type of an error and where in the package it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/streamer/" in frame.filename] or frames
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"
    return f"{type(error).__name__} in {place}: {str(error)[:120]!r}"


def _limit_memory() -> None:
    if sys.platform.startswith("linux"):
        import resource

        limit = _resident() + 4 * MAX_BYTES
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _resident() -> int:
    if not sys.platform.startswith("linux"):
        return 0
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


if __name__ == "__main__":
    sys.exit(main())
