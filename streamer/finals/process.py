"""The parent's side of an engine that runs in a process of its own.

A crash, a hang or a slow engine is the process's; the recogniser goes on. A thread passes one
utterance after the other to it, so that no caller waits.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any, Callable

from streamer.arrays import FloatArray
from streamer.finals.choice import FinalsChoice
from streamer.finals.engine import Said

#: No library of an engine may reach the network or report anything.
_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
}
#: How long the process may take to end by itself, in seconds.
_END_S = 1.0

#: Starts a process with pipes, given its command.
Starter = Callable[[Sequence[str]], "subprocess.Popen[bytes]"]


class Request:
    """An utterance given to an engine.

    Attributes:
        said: the answer; None before, or if there is none.
        failure: why there is none; empty if there is.
        abandoned: set by the caller who does not want the answer any more.
        begun: set when the engine begins with it, or will not.
        done: set when it is answered or has failed.
    """

    def __init__(self, samples: FloatArray) -> None:
        self.samples = samples
        self.said: Said | None = None
        self.failure = ""
        self.abandoned = False
        self.begun = threading.Event()
        self.done = threading.Event()

    def finish(self, said: Said | None, failure: str = "") -> None:
        """Set the answer, or why there is none."""
        self.said, self.failure = said, failure
        self.begun.set()
        self.done.set()


def start_process(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a process that Ctrl-C does not reach, and that has no network."""
    return subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **_OFFLINE},
        start_new_session=True,
    )


class EngineProcess:
    """An engine in a process of its own; requests are answered in order.

    Args:
        choice: the engine.
        starter: starts the process.
    """

    def __init__(self, choice: FinalsChoice, starter: Starter = start_process) -> None:
        self.choice = choice
        self._starter = starter
        self._requests: queue.Queue[Request | None] = queue.Queue()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._failure = ""

    def start(self) -> None:
        """Start the process in the background; a second call does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="finals", daemon=True)
            self._thread.start()

    def submit(self, samples: FloatArray) -> Request:
        """Queue an utterance, float32 (n,), and return at once."""
        self.start()
        request = Request(samples)
        self._requests.put(request)
        return request

    def close(self) -> None:
        """End the process; requests that are not answered yet fail. May be called twice."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._failure = self._failure or "it was closed"
        self._requests.put(None)
        process = self._process
        if process is not None:
            with contextlib.suppress(OSError):
                process.kill()
        thread.join(_END_S)

    @property
    def pid(self) -> int | None:
        """Number of the process; None before it has started."""
        return self._process.pid if self._process is not None else None

    # The thread

    def _run(self) -> None:
        try:
            self._launch()
        except Exception as error:
            self._failure = str(error) or type(error).__name__
        while True:
            request = self._requests.get()
            if request is None:
                break
            if request.abandoned or self._failure:
                request.finish(None, self._failure)
                continue
            request.begun.set()
            try:
                answer = self._ask(request.samples)
                if "error" in answer:
                    request.finish(None, str(answer["error"]))
                else:
                    request.finish(Said.from_json(answer))
            except Exception as error:  # the process has ended, or speaks nonsense
                self._failure = self._failure or str(error) or type(error).__name__
                request.finish(None, self._failure)
        if self._process is not None:
            for pipe in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(OSError):
                    if pipe is not None:
                        pipe.close()
            self._process.wait()

    def _launch(self) -> None:
        choice = json.dumps(self.choice.as_dict())
        command = [sys.executable, "-m", "streamer.finals.worker", choice]
        self._process = self._starter(command)
        if self._failure:  # closed meanwhile
            self._process.kill()
        first = self._read()
        if "error" in first:
            raise RuntimeError(first["error"])

    def _ask(self, samples: FloatArray) -> dict[str, Any]:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(b"%d\n" % len(samples))
        self._process.stdin.write(samples.astype("<f4", copy=False).tobytes())
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process is not None and self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"its process ended with code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer
