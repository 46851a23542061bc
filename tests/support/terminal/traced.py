"""Runs a program with an empty home and notes its sockets and the files that it leaves.

program = Traced(command("doctor"), tmp_path)
program.wait()
assert program.sockets() == [] and program.files() == []
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest

#: Guards against hangs only.
LIMIT_S = 180.0

#: Kinds of sockets that stay on the machine: those of PulseAudio and PipeWire.
LOCAL = "AF_UNIX"

#: Settings that would lead a program to other programs or out of its empty home.
_STRANGE = (
    "DISPLAY",
    "DBUS_SESSION_BUS_ADDRESS",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_DATA_DIRS",
)

#: Runs a program without any network but the loopback.
NO_NETWORK = ("unshare", "--map-root-user", "--net")


@cache
def _works(*command: str) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def skip_without_strace() -> None:
    if not _works("strace", "-f", "-o", "/dev/null", "true"):
        pytest.skip("needs strace and the right to trace (Debian: apt install strace)")


def skip_without_namespaces() -> None:
    if not _works(*NO_NETWORK, "true"):
        pytest.skip("needs the right to make a network namespace (unshare --net)")


class Traced:
    """A program under strace.

    Args:
        command: the program and its arguments.
        folder: an empty folder, for its home, its temporary files and the trace.
        env: its environment.
        network: whether it may reach one.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        env: Mapping[str, str],
        network: bool = True,
    ) -> None:
        self._folder = folder
        self._trace = folder / "trace"
        for name in ("home", "tmp", "work"):
            (folder / name).mkdir(parents=True)
        clean = {name: value for name, value in env.items() if name not in _STRANGE}
        self.process = subprocess.Popen(
            [
                *(() if network else NO_NETWORK),
                *("strace", "-f", "-qq", "-e", "trace=network", "-o", str(self._trace)),
                *command,
            ],
            cwd=folder / "work",
            env={
                **clean,
                "HOME": str(folder / "home"),
                "TMPDIR": str(folder / "tmp"),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.output = ""
        self.errors = ""

    def wait(self) -> int:
        """Wait for its end and return its exit code."""
        output, errors = self.process.communicate(timeout=LIMIT_S)
        self.output, self.errors = output.decode(), errors.decode()
        return self.process.returncode

    def sockets(self) -> list[str]:
        """Return the system calls that made sockets other than local ones."""
        made = re.findall(r"socket(?:pair)?\(.*", self._trace.read_text(errors="replace"))
        return [call for call in made if LOCAL not in call]

    def local_addresses(self) -> set[str]:
        """Return the local sockets that it connected to, but for the C library's of users."""
        trace = self._trace.read_text(errors="replace")
        connected = re.findall(r'connect\(.*sun_path=@?"(.*?)"', trace)
        return {path for path in connected if not path.endswith("/nscd/socket")}

    def files(self) -> list[str]:
        """Return the files that are left, relative to the home, but for streamer's own."""
        home = self._folder / "home"
        own = (
            ".cache/streamer",
            ".config/streamer",
            ".local/share/streamer",
            ".local/state/streamer",
        )
        left = []
        for place in (home, self._folder / "tmp", self._folder / "work"):
            for path in place.rglob("*"):
                name = path.relative_to(place).as_posix()
                if not path.is_dir() and not (place == home and name.startswith(own)):
                    left.append(f"{place.name}/{name}")
        return sorted(left)
