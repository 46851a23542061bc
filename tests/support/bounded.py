"""Runs a reader in a process of its own, with little memory and processor time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import NamedTuple

from tests.support.paths import ROOT

_PROGRAM = """
import json, os, resource, sys, time
import numpy
from streamer.errors import StreamerError
{setup}
def resident():
    with open("/proc/self/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    return int(fields["VmHWM"].split()[0]) * 1024
before = resident()
# Far above the bounds, so that a failure ends before the machine's memory does.
resource.setrlimit(resource.RLIMIT_DATA, (2 << 30, 2 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
start = time.process_time()
try:
    said = repr({call})
except StreamerError as error:
    said = f"error: {{error}}"
seconds = time.process_time() - start
print(json.dumps([said, seconds, (resident() - before) / 1e6]))
"""

#: Counting the lines that run takes several times as long as running them.
_SLOWER = 5.0 if any(name.startswith("COVERAGE_") for name in os.environ) else 1.0


class Outcome(NamedTuple):
    """What a call came to: its result or error, processor seconds, and megabytes it took."""

    said: str
    seconds: float
    megabytes: float


def bounded(setup: str, call: str, seconds: float = 1.0, megabytes: float = 200.0) -> str:
    """Return what a call returns or the StreamerError that it raises, as text.

    Args:
        setup: statements before the measurement, such as imports.
        call: the expression that is measured.
        seconds: processor time that it may take.
        megabytes: memory that it may take.
    """
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(setup=setup, call=call)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    outcome = Outcome(*json.loads(done.stdout.splitlines()[-1]))
    assert outcome.seconds <= seconds * _SLOWER, outcome
    assert outcome.megabytes <= megabytes, outcome
    return outcome.said
