"""Runs the real command line in a separate process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.paths import ROOT

#: Guards against hangs only.
LIMIT_S = 120.0


Result = subprocess.CompletedProcess


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment, without settings of streamer, for this checkout."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("STREAMER_")}
    paths = [str(ROOT), env.get("PYTHONPATH", "")]
    env["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    env["STREAMER_CONFIG"] = os.devnull
    env["OMP_NUM_THREADS"] = "1"
    env["STREAMER_BACKEND"] = "numpy"  # the fastest to start
    env.update(more or {})
    return env


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "streamer", *map(str, arguments)]


def run(
    *arguments: str | Path,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
) -> Result[bytes]:
    """Run a command to its end."""
    return subprocess.run(
        command(*arguments),
        input=stdin,
        capture_output=True,
        env=environment(env),
        timeout=LIMIT_S,
        check=False,
    )


def start(*arguments: str | Path, **more: Any) -> subprocess.Popen[bytes]:
    """Start a command, with pipes for standard output and standard error."""
    env = environment(more.pop("env", None))
    settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command(*arguments), env=env, **{**settings, **more})


def error_of(result: Result[bytes]) -> str:
    """Return the only line on standard error; it must be ``error: what - what to do``."""
    lines = result.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: "), lines
    what, dash, todo = lines[0][len("error: ") :].partition(" - ")
    assert dash and what and todo, lines
    return lines[0]
