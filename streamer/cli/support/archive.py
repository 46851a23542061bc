"""``streamer transcribe --on ray``: an archive, its progress bar and its summary."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Optional

import typer

from streamer.cli.support.archive_options import ArchiveOptions
from streamer.cli.support.finals_options import FinalsOptions
from streamer.cli.support.messages import say, say_error, warn
from streamer.cli.support.options import EngineOptions, ResultOptions
from streamer.cli.support.progress_bar import can_draw, transient_bar
from streamer.cli.support.signals import GracefulShutdown
from streamer.errors import UsageError

if TYPE_CHECKING:
    from rich.progress import Progress

    from streamer.archive.run import Archive, Report
    from streamer.archive.storage import Recording
    from streamer.archive.work import Settings

#: Options of `ResultOptions` that need one process, with what they are called.
_ONE_PROCESS = ("output", "plain", "stdout", "on_final", "pipe", "type", "clipboard", "dictation")


def transcribe_archive(
    inputs: Sequence[str],
    engine: EngineOptions,
    results: ResultOptions,
    second: FinalsOptions,
    archive: ArchiveOptions,
    one_shot: bool,
    folder: Optional[str],
) -> None:
    """Transcribe recordings on Ray.

    Raises:
        StreamerError: options do not go together, Ray is not there, nothing can be done.
        typer.Exit: with code 1, if a recording could not be transcribed; with 128 and the
            signal's number, if one left recordings undone.
    """
    from streamer.archive import cluster

    if folder is None:
        raise UsageError("--on ray writes a file for each recording", "give --output-dir FOLDER")
    for name in _ONE_PROCESS:
        if getattr(results, name):
            option = name.replace("_", "-")
            raise UsageError(f"--{option} and --on ray do not go together", "leave one out")
    if second.finals is not None:
        raise UsageError("--finals and --on ray do not go together", "leave one out")
    if "-" in inputs:
        raise UsageError("--on ray cannot read standard input", "give files, folders or addresses")
    cluster.check_installed(archive.ray)
    from streamer.archive.run import Archive

    recordings, failures = _find(inputs)
    todo = Archive(recordings, _settings(engine, results, archive, one_shot, folder))
    begin = time.monotonic()
    progress = _Progress(len(todo.jobs), failures)
    exit_code = 0
    if todo.jobs:
        with cluster.started(archive.ray) as ray:
            available = cluster.processors(ray)
            workers = archive.workers or available
            if workers > available:
                warn(f"{workers} workers, but Ray has {available} processors: some will wait")
            # Within `started`: Ray puts handlers of its own in place.
            with ExitStack() as stack:
                shutdown = stack.enter_context(GracefulShutdown(lambda: None))
                stack.enter_context(progress)
                for report in todo.run(ray, workers, lambda: shutdown.requested):
                    progress.add(report)
            exit_code = shutdown.exit_code
    say(progress.summary(todo, time.monotonic() - begin))
    if exit_code or progress.failures:
        raise typer.Exit(exit_code or 1)


def _find(inputs: Sequence[str]) -> tuple[list[Recording], int]:
    """Return the recordings, and how many inputs could not be used; each has been reported."""
    from streamer.archive.storage import find_recordings

    recordings: list[Recording] = []
    failures = 0
    for given in inputs:
        try:
            recordings += find_recordings(given)
        except UsageError as error:
            if len(inputs) == 1:
                raise
            failures += 1
            say_error(str(error))
    return recordings, failures


def _settings(
    engine: EngineOptions,
    results: ResultOptions,
    archive: ArchiveOptions,
    one_shot: bool,
    folder: str,
) -> Settings:
    """Return the settings of the workers: what one process would do with the same options."""
    from streamer import __version__
    from streamer.archive.work import Settings
    from streamer.bundle import load_bundle
    from streamer.bundle.validation import DESCRIPTION_FILE
    from streamer.untrusted.regular_files import sha256_of

    assert archive.piece_s is not None
    return Settings(
        transcriber={
            **engine.arguments(),
            **results.written_form(),
            "hints": results.hints(),
            "one_utterance": one_shot,
            "partials": results.wants_partials(False),
        },
        folder=folder,
        format=results.stream_format,
        partials=results.partials,
        timestamps=results.timestamps,
        marks=results.output_options().writing.punctuation,
        piece_s=archive.piece_s,
        words=(__version__, sha256_of(load_bundle(engine.model).folder / DESCRIPTION_FILE)),
    )


class _Progress:
    """The bar on a terminal, errors as they come, and the summary; a context manager.

    Args:
        recordings: how many there are to do.
        failures: how many could not be found.

    Attributes:
        failures: how many could not be transcribed, so far.
    """

    def __init__(self, recordings: int, failures: int) -> None:
        self._recordings = recordings
        self.failures = failures
        self._done = 0
        self._seconds = 0.0
        self._begin = time.monotonic()
        self._bar: Optional[Progress] = None

    def __enter__(self) -> _Progress:
        if not can_draw():
            return self
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

        self._bar = transient_bar(
            TextColumn("recordings"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
        )
        self._bar.add_task("starting", total=self._recordings)
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def add(self, report: Report) -> None:
        """Take what was done; says what went wrong with it."""
        self._seconds += report.seconds
        if report.finished and report.problem is None:
            self._done += 1
        elif report.finished:
            self.failures += 1
        if report.remark or (report.problem is not None and report.finished):
            self._print(report)
        if self._bar is not None:
            speed = self._hours_a_minute(time.monotonic() - self._begin)
            self._bar.update(
                self._bar.task_ids[0],
                completed=self._done + self.failures,
                description=f"{_length(self._seconds)}, {speed}",
            )

    def _print(self, report: Report) -> None:
        if self._bar is not None:
            self._bar.stop()
        if report.remark:
            warn(report.remark)
        if report.problem is not None:
            say_error(str(report.problem))
        if self._bar is not None:
            self._bar.start()

    def summary(self, archive: Archive, seconds: float) -> str:
        """Return what was done, in one line.

        Args:
            archive: what was to be done.
            seconds: how long it took.
        """
        parts = [
            f"{_count(self._done)}, {_length(self._seconds)} in {_length(seconds)}"
            f" ({self._hours_a_minute(seconds)})"
        ]
        if archive.done_before:
            parts.append(f"{archive.done_before} done before")
        if self.failures:
            parts.append(f"{self.failures} failed")
        left = len(archive.jobs) - self._done - self.failures
        if left > 0:
            parts.append(f"{left} left: run the command again")
        return "; ".join(parts)

    def _hours_a_minute(self, seconds: float) -> str:
        hours = self._seconds / 3600 / (seconds / 60) if seconds > 0 else 0.0
        return f"{hours:.2f} hours a minute"


def _count(recordings: int) -> str:
    return "1 recording" if recordings == 1 else f"{recordings} recordings"


def _length(seconds: float) -> str:
    """Return a length of time in a unit that suits it."""
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"
