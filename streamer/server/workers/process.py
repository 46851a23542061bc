"""What a worker runs: streams of one model, one step of the most urgent stream at a time."""

from __future__ import annotations

import contextlib
import signal
import threading
import traceback
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue

from streamer.engine.model_loader import ModelChoice, load_model
from streamer.engine.shared_model import SharedModel
from streamer.errors import StreamerError
from streamer.server.workers.messages import (
    Abandon,
    Command,
    Ended,
    Failed,
    Open,
    Progress,
    Ready,
    Report,
)
from streamer.server.workers.recognition import Recognition


def run_worker(connection: Connection, choice: ModelChoice) -> None:
    """Recognise streams until the server closes the connection.

    Args:
        connection: `Command` in, None at the end; `Report` out.
        choice: the model.
    """
    from threadpoolctl import threadpool_limits

    # The server decides when a worker ends: a Ctrl-C in its terminal reaches all of them.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    try:
        loaded = load_model(choice)
        shared = SharedModel(loaded)
    except StreamerError as error:
        with contextlib.suppress(OSError):  # the server has gone
            connection.send(Failed(error))
        return
    try:
        backend = loaded.stages.model.backend
        connection.send(Ready(loaded.bundle.name, loaded.bundle.language, backend))
    except OSError:
        return  # the server has gone
    inbox: SimpleQueue[Command | None] = SimpleQueue()
    threading.Thread(target=_receive, args=(connection, inbox), name="receive", daemon=True).start()
    with threadpool_limits(1):
        _Worker(shared, connection, inbox).run()


def _receive(connection: Connection, inbox: SimpleQueue[Command | None]) -> None:
    """Empty the connection at once, so that the server never waits for it."""
    command: Command | None
    while True:
        try:
            command = connection.recv()
        except (EOFError, OSError):
            command = None
        inbox.put(command)
        if command is None:
            return


class _Worker:
    """The streams of a worker.

    Args:
        model: shared by them.
        connection: where reports go.
        inbox: commands; None at the end.
    """

    def __init__(
        self, model: SharedModel, connection: Connection, inbox: SimpleQueue[Command | None]
    ) -> None:
        self._model = model
        self._connection = connection
        self._inbox = inbox
        self._streams: dict[int, Recognition] = {}

    def run(self) -> None:
        """Work until the server has gone."""
        try:
            while self._take_commands():
                runnable = [each for each in self._streams.values() if each.runnable]
                if runnable:
                    self._step(min(runnable, key=lambda each: each.due))
        except OSError:
            pass  # the server has gone

    def _take_commands(self) -> bool:
        """Take all commands, waiting for one if there is nothing else to do."""
        idle = not any(each.runnable for each in self._streams.values())
        while True:
            try:
                command = self._inbox.get(block=idle)
            except Empty:
                return True
            if command is None:
                return False
            self._take(command)
            idle = False

    def _take(self, command: Command) -> None:
        if isinstance(command, Open):
            self._streams[command.stream] = Recognition(command, self._model)
            return
        stream = self._streams.get(command.stream)
        if stream is None:
            return  # it has ended meanwhile
        if isinstance(command, Abandon):
            del self._streams[command.stream]
            return
        try:
            stream.take(command)
        except StreamerError as error:
            self._end(stream, error)

    def _step(self, stream: Recognition) -> None:
        try:
            progress: Progress = stream.step()
        except StreamerError as error:
            self._end(stream, error)
            return
        except Exception:  # a fault of ours must not end the other streams
            traceback.print_exc()
            self._end(stream, StreamerError("recognition failed", "see the log of the server"))
            return
        self._report(progress)
        if stream.finished:
            self._end(stream, None)

    def _end(self, stream: Recognition, error: StreamerError | None) -> None:
        del self._streams[stream.number]
        self._report(Ended(stream.number, error))

    def _report(self, report: Report) -> None:
        self._connection.send(report)
