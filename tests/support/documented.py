"""Command lines of README and docs, and a sandbox with stand-ins to run them in.

A line that needs more than the sandbox has says so where its reader sees it, in its comment:
[network], [root] or [hours].
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.models.bundles import make_tiny_bundle, random_weights
from tests.support.models.graphs import graph_bytes, memory_mapped
from tests.support.paths import ROOT, TINY_SCORER

#: What a line may say that it needs.
MARKS = ("network", "root", "hours")
_MARK = re.compile(rf"#.*\[({'|'.join(MARKS)})\]")
#: What a command line begins with, besides variables.
_PROGRAMS = "streamer|make|git|cd|uv|pipx|pip|python|ffmpeg|arecord|sudo|openssl|docker|curl"
_LINE = re.compile(rf"^(?:    |\$ )((?:[A-Z_]+=\S+ )*(?:{_PROGRAMS})(?: .*)?)$")
#: Guards against hangs only, in seconds.
LIMIT_S = 180.0
#: Lines with these words wait for somebody, until Ctrl-C after so many seconds.
WAITING = ("--paused", "--follow", "--loopback")
WAITING_S = 20.0

#: A microphone of one sentence; then somebody presses Ctrl-C.
_MICROPHONE = """
import os, signal, threading, time
from types import SimpleNamespace
import soundfile

class PortAudioError(Exception):
    pass

_INFO = {"index": 0, "name": "stand-in", "hostapi": 0, "max_input_channels": 1,
         "default_samplerate": 16000.0}

def get_portaudio_version(): return 0, "stand-in"
def query_hostapis(): return [{"name": "stand-in"}]
def query_devices(device=None, kind=None): return _INFO if kind or device is not None else [_INFO]
def check_input_settings(**_): pass
def _terminate(): pass
def _initialize(): pass

class InputStream:
    def __init__(self, blocksize, callback, **_):
        self._blocksize, self._callback = blocksize, callback
        self.time, self.active, self.latency, self._open = 0.0, True, 0.0, True

    def start(self):
        threading.Thread(target=self._play, daemon=True).start()

    def _play(self):
        samples, _ = soundfile.read(os.environ["STAND_IN_SOUND"], dtype="float32", always_2d=True)
        status, at = SimpleNamespace(input_overflow=False), 0
        while self._open:
            block = samples[at : at + self._blocksize]
            if len(block) < self._blocksize:
                os.kill(os.getpid(), signal.SIGINT)
                return
            times = SimpleNamespace(inputBufferAdcTime=at / 16000)
            self._callback(block, len(block), times, status)
            at += len(block)
            time.sleep(len(block) / 16000)

    def stop(self, *_): self._open = self.active = False
    close = abort = stop
"""

#: Programs that are not the tests' business; what they would do to the machine, they do not.
_STAND_INS = {
    "notify-send": "exit 0",
    "xdotool": "exit 0",
    "arecord": 'exec cat "$STAND_IN_RAW"',
    "editor": "exit 0",
}


@dataclass(frozen=True)
class CommandLine:
    """A command line of a page.

    Attributes:
        page: the page, relative to the checkout.
        text: the line.
        mark: what it needs; empty for nothing.
    """

    page: str
    text: str
    mark: str

    def __str__(self) -> str:
        return f"{Path(self.page).stem}: {self.text.partition('  #')[0]}"


def command_lines() -> Iterator[CommandLine]:
    """Yield all command lines of README and docs, each once."""
    seen: set[str] = set()
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        in_python = False
        for row in path.read_text(encoding="utf-8").splitlines():
            if row.startswith("```"):
                in_python = row.startswith("```python") and not in_python
            found = None if in_python else _LINE.match(row)
            if found is None or found[1].rstrip() in seen:
                continue
            seen.add(found[1].rstrip())
            mark = _MARK.search(found[1])
            yield CommandLine(
                str(path.relative_to(ROOT)), found[1].rstrip(), mark[1] if mark else ""
            )


def make_models(folder: Path) -> None:
    """Write small networks, a scorer and a bundle, named as the pages name a reader's own."""
    weights = random_weights()
    (folder / "my.pbmm").write_bytes(memory_mapped(weights))
    (folder / "output_graph.pb").write_bytes(graph_bytes(weights))
    shutil.copy(TINY_SCORER, folder / "my.scorer")
    make_tiny_bundle(folder / "my-bundle")


class Sandbox:
    """A home with recordings, word lists and stand-ins for other programs.

    Args:
        folder: an empty folder.
        sample: a recording of a sentence.
    """

    def __init__(self, folder: Path, sample: Path) -> None:
        import soundfile

        self.folder = folder / "work"
        tools, modules = folder / "bin", folder / "modules"
        for made in (self.folder / "recordings", tools, modules):
            made.mkdir(parents=True)
        samples, rate = soundfile.read(sample, dtype="int16")
        clip = samples[: 2 * rate]
        for name in ("talk.flac", "talk.mp3", "recordings/one.wav"):
            soundfile.write(self.folder / name, clip, rate)
        if shutil.which("ffmpeg"):
            subprocess.run(
                [
                    "ffmpeg",
                    "-v",
                    "error",
                    "-i",
                    self.folder / "talk.flac",
                    self.folder / "talk.mp4",
                ],
                check=True,
            )
        (folder / "sound.raw").write_bytes(clip.tobytes())
        make_models(self.folder)
        (self.folder / "names.txt").write_text("ada\nlovelace=3\n")
        (modules / "sounddevice.py").write_text(_MICROPHONE)
        for name, does in _STAND_INS.items():
            _write_program(tools / name, f"#!/bin/sh\n{does}\n")
        _write_program(tools / "streamer", f'#!/bin/sh\nexec "{sys.executable}" -m streamer "$@"\n')
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith("STREAMER_")
        }
        self.environment = {
            **kept,
            "HOME": str(folder / "home"),
            "XDG_CONFIG_HOME": str(folder / "home/config"),
            "XDG_CACHE_HOME": str(folder / "home/cache"),
            "XDG_RUNTIME_DIR": str(folder / "home/run"),
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": f"{modules}{os.pathsep}{ROOT}",
            "EDITOR": "editor",
            "DISPLAY": ":stand-in",
            "SHELL": "/bin/bash",
            "LC_ALL": "C.UTF-8",
            "OMP_NUM_THREADS": "1",
            "STREAMER_ALLOW_TYPING": "1",
            "STAND_IN_SOUND": str(self.folder / "talk.flac"),
            "STAND_IN_RAW": str(folder / "sound.raw"),
        }
        for name in ("home", "home/run"):
            (folder / name).mkdir(mode=0o700)
        for name in ("WAYLAND_DISPLAY", "NO_COLOR"):
            self.environment.pop(name, None)

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line as it stands; where it waits for somebody, press Ctrl-C after a while."""
        argv = ["bash", "-o", "pipefail", "-c", line]
        with subprocess.Popen(
            argv,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                waits = any(word in line for word in WAITING)
                out, err = process.communicate(timeout=WAITING_S if waits else LIMIT_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGINT)
                out, err = process.communicate(timeout=LIMIT_S)
        return subprocess.CompletedProcess(argv, process.returncode, out, err)


def _write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
