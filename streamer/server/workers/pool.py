"""The workers of a server: started, fed, listened to, and replaced when one crashes."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import threading
from queue import SimpleQueue
from typing import Callable

from streamer.audio.pcm import PcmFormat
from streamer.engine.model_loader import ModelChoice
from streamer.engine.settings import RecogniserSettings
from streamer.errors import StreamerError
from streamer.server.workers.messages import Command, Ended, Failed, Progress, Ready, Report
from streamer.server.workers.process import run_worker
from streamer.server.workers.stream import BusyError, Stream

#: A worker that has not ended after this is killed, in seconds.
_END_S = 5.0
#: A worker that ends before it was ready is not started again at once, in seconds.
_PAUSE_S = 1.0


class WorkerPool:
    """Processes that recognise.

    All methods belong to the thread of the event loop.

    Args:
        choice: the model, loaded by each of them; what can be mapped is shared.
        n_workers: number of processes.
        max_streams: streams at once, not counting those without audio.
        on_progress: called with every `Progress`, for measurements.
        on_restart: called when a worker has crashed.
    """

    def __init__(
        self,
        choice: ModelChoice,
        n_workers: int,
        max_streams: int = 1000,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        on_restart: Callable[[], None] = lambda: None,
    ) -> None:
        self.choice = choice
        self._on_progress = on_progress
        self._on_restart = on_restart
        self._workers = [_Worker(self) for _ in range(n_workers)]
        self._streams: dict[int, Stream] = {}
        self._live: set[int] = set()
        self._max_streams = max_streams
        self._n_opened = 0
        self._draining = self._closing = False
        self.about: Ready | None = None

    async def start(self) -> None:
        """Start the workers and wait until one of them is ready.

        Raises:
            StreamerError: the model cannot be loaded.
        """
        for worker in self._workers:
            worker.start()
        await asyncio.gather(*(worker.ready for worker in self._workers))
        self.about = self._workers[0].ready.result()

    @property
    def streams(self) -> list[Stream]:
        """The streams that have not ended, with or without audio."""
        return list(self._streams.values())

    @property
    def n_active(self) -> int:
        """How many of them have audio."""
        return sum(len(worker.streams) for worker in self._workers)

    @property
    def pids(self) -> list[int]:
        """Process numbers of the workers."""
        return [w.process.pid for w in self._workers if w.process is not None and w.process.pid]

    def open(
        self,
        format: PcmFormat,
        settings: RecogniserSettings,
        longest_s: float = float("inf"),
        *,
        live: bool = True,
    ) -> Stream:
        """Open a stream.

        Args:
            format: of its bytes.
            settings: of its recogniser.
            longest_s: audio after which it is ended, in seconds.
            live: whether its words so far are worth having; those of half a recording are not.
        """
        self._n_opened += 1
        stream = Stream(self._n_opened, self, format, settings, longest_s)
        self._streams[stream.number] = stream
        if live:
            self._live.add(stream.number)
        return stream

    def admit(self, stream: Stream) -> _Worker:
        """Give a stream to the worker that has the fewest; see `Pool.admit`."""
        if self._draining:
            raise BusyError("the server is stopping", "connect again later")
        if self.n_active >= self._max_streams:
            raise BusyError(f"there are {self.n_active} streams already", "try again later")
        running = [worker for worker in self._workers if worker.running]
        if not running:
            raise BusyError("the recogniser has crashed and starts again", "try again later")
        worker = min(running, key=lambda each: len(each.streams))
        worker.streams[stream.number] = stream
        return worker

    def forget(self, stream: Stream) -> None:
        """Remove a stream that has ended."""
        self._streams.pop(stream.number, None)
        self._live.discard(stream.number)
        for worker in self._workers:
            worker.streams.pop(stream.number, None)

    def drain(self) -> None:
        """Take no more streams, and end those that are live after what they have been fed."""
        self._draining = True
        for stream in self.streams:
            if stream.number in self._live:
                stream.finish()

    async def close(self) -> None:
        """End the workers; what they have not recognised is lost."""
        self._closing = True
        for stream in self.streams:
            stream.abandon()
        await asyncio.gather(*(asyncio.to_thread(worker.close) for worker in self._workers))

    # From workers

    def take(self, worker: _Worker, report: Report | None) -> None:
        """Take a report; None when the worker has ended."""
        if report is None:
            self._replace(worker)
        elif isinstance(report, Progress):
            self._on_progress(report)
            if report.stream in worker.streams:
                worker.streams[report.stream].progress(report)
        elif isinstance(report, Ended):
            if report.stream in worker.streams:
                worker.streams[report.stream].end(report)
        elif not worker.ready.done():
            if isinstance(report, Failed):
                worker.ready.set_exception(report.error)
            else:
                worker.ready.set_result(report)

    def _replace(self, worker: _Worker) -> None:
        worker.running = False
        error = StreamerError("the recogniser has crashed", "connect again")
        for stream in list(worker.streams.values()):
            stream.end(Ended(stream.number, error))
        if self._closing:
            return
        if not worker.ready.done():
            worker.ready.set_exception(
                StreamerError("a worker ended while it loaded the model", "see its messages above")
            )
            return
        self._on_restart()
        asyncio.get_running_loop().call_later(_PAUSE_S, self._restart, worker)

    def _restart(self, worker: _Worker) -> None:
        if not self._closing:
            worker.start()


class _Worker:
    """A process, with a thread that sends to it and one that receives.

    Args:
        pool: gets the reports.

    Attributes:
        streams: its streams by number.
        process: the process; None before `start`.
        ready: what the process says when it has loaded the model.
        running: whether the process takes commands, perhaps once it has loaded the model.
    """

    def __init__(self, pool: WorkerPool) -> None:
        self.streams: dict[int, Stream] = {}
        self.process: multiprocessing.process.BaseProcess | None = None
        self.ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
        self.running = False
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._outbox: SimpleQueue[Command | None] = SimpleQueue()

    def start(self) -> None:
        """Start the process."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        outbox: SimpleQueue[Command | None] = SimpleQueue()
        self._outbox = outbox
        self.process = context.Process(
            target=run_worker,
            args=(theirs, self._pool.choice),
            name="streamer worker",
            daemon=True,
        )
        self.process.start()
        self.running = True
        theirs.close()

        def send() -> None:
            with contextlib.suppress(OSError):
                while True:
                    command = outbox.get()
                    ours.send(command)
                    if command is None:
                        return

        def receive() -> None:
            report: Report | None
            while True:
                try:
                    report = ours.recv()
                except (EOFError, OSError):
                    report = None
                with contextlib.suppress(RuntimeError):  # the loop has been closed
                    self._loop.call_soon_threadsafe(self._pool.take, self, report)
                if report is None:
                    outbox.put(None)
                    ours.close()
                    return

        for function in (send, receive):
            threading.Thread(
                target=function, name=f"worker {function.__name__}", daemon=True
            ).start()

    def send(self, command: Command) -> None:
        """Send a command; never waits."""
        self._outbox.put(command)

    def close(self) -> None:
        """End the process; blocks."""
        self._outbox.put(None)
        if self.process is not None:
            self.process.join(_END_S)
            if self.process.is_alive():
                self.process.kill()
                self.process.join()
