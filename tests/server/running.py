"""A real ``streamer serve`` for the tests, in a process of its own."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from tests.support.paths import ROOT
from tests.support.terminal.command_line import environment

#: What the extra ``server`` installs; without one of them these tests are skipped.
PACKAGES = (
    "starlette",
    "uvicorn",
    "websockets",
    "wyoming",
    "prometheus_client",
    "python_multipart",
)

#: How long a server may take to end before it is killed; it waits 20 s for open streams itself.
_END_S = 60.0


@dataclass
class Running:
    """A server that listens.

    Attributes:
        process: the process.
        messages: lines that it printed.
        port: of HTTP.
        wyoming_port: of Wyoming; 0 without.
    """

    process: subprocess.Popen[str]
    messages: list[str] = field(default_factory=list)
    port: int = 0
    wyoming_port: int = 0
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def websocket_url(self) -> str:
        return self.url.replace("http", "ws", 1)

    def read(self, ready: threading.Event) -> None:
        """Read what it prints, to the end."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.messages.append(line.rstrip("\n"))
            found = re.match(r"listening: (tcp|https?)://.*:(\d+)", line)
            if found and found[1] == "tcp":
                self.wyoming_port = int(found[2])
            elif found:
                self.scheme, self.port = found[1], int(found[2])
                ready.set()
        ready.set()


@contextlib.contextmanager
def running_server(*options: str) -> Iterator[Running]:
    """Start ``streamer serve`` on a free port; end it as a service manager does."""
    command = [sys.executable, "-m", "streamer", "serve", "--port", "0", *options]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment({"STREAMER_BACKEND": "auto"}),
        stderr=subprocess.PIPE,
        text=True,
    )
    server, ready = Running(process), threading.Event()
    reader = threading.Thread(target=server.read, args=(ready,), daemon=True)
    reader.start()
    try:
        ready.wait(120)
        assert server.port, server.messages
        yield server
    finally:
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join()
        assert process.stderr is not None
        process.stderr.close()


@cache
def _shared() -> tuple[contextlib.ExitStack, Running]:
    import atexit

    stack = contextlib.ExitStack()
    server = stack.enter_context(running_server("--wyoming", "127.0.0.1:0"))
    atexit.register(stack.close)
    return stack, server


def shared_server() -> Running:
    """The one server that most tests use; it ends with the test run."""
    return _shared()[1]
