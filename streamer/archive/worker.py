"""What one worker does: transcribes recordings and pieces, with one model.

Nothing here knows Ray. Whatever is wrong with a recording is returned, never raised: it must not
end the worker.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from streamer.archive.cuts import pieces
from streamer.archive.storage import Folder, local_file
from streamer.archive.stored_events import encode_events
from streamer.archive.work import CutEnd, Job, Outcome, Problem, Settings
from streamer.endpointing.settings import RATE_HZ
from streamer.errors import AudioError, StreamerError
from streamer.events import Event
from streamer.output import create_writer

if TYPE_CHECKING:
    from pathlib import Path

    from streamer.arrays import FloatArray
    from streamer.audio.sources.recording import RecordingSource
    from streamer.transcriber import Transcriber


class Worker:
    """Transcribes with one model, which `prepare` loads.

    Args:
        settings: of the archive.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder: Folder | None = None
        self._made: Transcriber | None = None

    def prepare(self) -> Problem | None:
        """Load the model; returns what is wrong with it or the folder, if anything is."""
        try:
            _ = self._transcriber.about
            _ = self._results
        except StreamerError as error:
            return Problem(error.what, error.todo)
        return None

    def transcribe(self, job: Job) -> Outcome:
        """Transcribe a recording and write its transcript, unless it is to be cut."""
        from streamer.audio.sources.recording import RecordingSource

        events: list[Event] = []
        problem, remark, file = None, "", None
        try:
            with local_file(job.recording.url) as file:
                source = RecordingSource(file)
                try:
                    if is_long(source, self._settings.piece_s):
                        return Outcome(too_long=True)
                    for event in self._transcriber.run(source):
                        events.append(event)
                finally:
                    source.close()
                    remark = _addressed(source.remark, job, file)
        except Exception as error:
            problem = problem_of(error, job, file)
        if problem is None or events:
            try:
                self._results.write(job.output, written(events, self._settings))
            except Exception as error:
                problem = problem_of(error, job)
        return Outcome(self._transcriber.heard_s if events else 0.0, problem, remark)

    def transcribe_piece(self, job: Job, begin: int, samples: FloatArray) -> Outcome:
        """Transcribe a piece, and keep its events until the recording is complete.

        Args:
            job: of the recording.
            begin: position of the first sample in the recording.
            samples: float32 (n,) at 16 kHz.
        """
        try:
            events = tuple(self._transcriber.transcribe(samples))
            name = job.piece_name(begin, begin + len(samples))
            self._results.write(name, encode_events(events))
        except Exception as error:
            return Outcome(problem=problem_of(error, job))
        return Outcome(len(samples) / RATE_HZ, events=events)

    @property
    def _transcriber(self) -> Transcriber:
        if self._made is None:
            from streamer.transcriber import Transcriber

            self._made = Transcriber(**self._settings.transcriber)
        return self._made

    @property
    def _results(self) -> Folder:
        if self._folder is None:
            self._folder = Folder(self._settings.folder)
        return self._folder


def cut(job: Job, piece_s: float) -> Iterator[Any]:
    """Yield the pieces of a recording.

    Args:
        job: of the recording.
        piece_s: length of a piece, in seconds.

    Yields:
        For each piece two things: its begin and end, as positions in the recording, and its
        samples, float32 (n,). A `CutEnd` after the last one.
    """
    from streamer.audio.sources.recording import RecordingSource

    end, problem, remark, file = 0, None, "", None
    try:
        with local_file(job.recording.url) as file:
            source = RecordingSource(file)
            try:
                for piece in pieces(source, piece_s):
                    end = piece.begin + len(piece.samples)
                    yield piece.begin, end
                    yield piece.samples
            finally:
                remark = _addressed(source.remark, job, file)
    except Exception as error:
        problem = problem_of(error, job, file)
    yield CutEnd(end / RATE_HZ, problem, remark)


def written(events: Iterable[Event], settings: Settings) -> bytes:
    """Return the transcript of a recording, in the format of the settings."""
    stream = io.StringIO()
    writer = create_writer(
        settings.format,
        stream,
        partials=settings.partials,
        timestamps=settings.timestamps,
        marks=settings.marks,
    )
    for event in events:
        writer.write(event)
    writer.close()
    return stream.getvalue().encode("utf-8", "backslashreplace")


def problem_of(error: Exception, job: Job, file: Path | None = None) -> Problem:
    """Return what to tell the user of an error with a recording.

    Args:
        error: the error.
        job: of the recording.
        file: its copy, whose name tells nobody anything.
    """
    url = job.recording.url
    if isinstance(error, StreamerError):
        return Problem(_addressed(error.what, job, file), error.todo)
    if isinstance(error, FileNotFoundError):
        return Problem(f"{url} is not there", "check that all workers reach it")
    if isinstance(error, MemoryError):
        return Problem(f"not enough memory for {url}", "use fewer --workers or a shorter --piece")
    return Problem(
        f"{url} cannot be transcribed ({type(error).__name__}: {error})",
        "check that all workers reach it; report it otherwise, with the recording if you can",
    )


def is_long(source: RecordingSource, piece_s: float) -> bool:
    """Whether a recording may be cut: it is longer than a piece, or nobody knows its length.

    It stays open, so that it need not be opened again to be transcribed.
    """
    try:
        source.open(RATE_HZ)
    except AudioError:
        return False  # raised again when it is transcribed
    return source.seconds is None or source.seconds > piece_s


def _addressed(text: str, job: Job, file: Path | None) -> str:
    """Return a message with the recording's address instead of the name of a copy."""
    url = job.recording.url
    return text if file is None or url.endswith(str(file)) else text.replace(str(file), url)
