"""``streamer transcribe``: transcription of recordings and standard input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Callable, Optional

import typer

from streamer.cli.commands.speech.transcribe_pieces import InPieces
from streamer.cli.support.archive_options import ArchiveOptions
from streamer.cli.support.finals_options import FinalsOptions
from streamer.cli.support.memory import MORE_MEMORY, is_out_of_memory
from streamer.cli.support.messages import say, say_error, warn
from streamer.cli.support.option_groups import with_options
from streamer.cli.support.options import EngineOptions, ResultOptions
from streamer.errors import AudioError, StreamerError, UsageError
from streamer.events import Event, Final

if TYPE_CHECKING:
    from streamer.audio.sources.source import Source
    from streamer.cli.support.outputs import Outputs
    from streamer.cli.support.progress_bar import ProgressBar
    from streamer.terminal import Routing
    from streamer.transcriber import Transcriber

STANDARD_INPUT = "-"


@with_options
def transcribe(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|FOLDER|-...", help="Recordings, folders of them, or - for standard input."
        ),
    ],
    engine: EngineOptions,
    results: ResultOptions,
    second: FinalsOptions,
    archive: ArchiveOptions,
    rate: Annotated[
        int, typer.Option(min=1, metavar="HZ", help="Sample rate of raw standard input.")
    ] = 16000,
    channels: Annotated[
        int, typer.Option(min=1, metavar="N", help="Channels of raw standard input.")
    ] = 1,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Play at the pace of a microphone.")
    ] = False,
    one_shot: Annotated[
        bool, typer.Option("--one-shot", help="Treat each recording as one utterance.")
    ] = False,
    output_dir: Annotated[
        Optional[str],  # with --on ray also an address
        typer.Option(metavar="FOLDER", help="Write one transcript per recording to this folder."),
    ] = None,
) -> None:
    """Transcribe recordings, or a pipe (raw s16le or WAV)."""
    archive.check()
    if archive.on is not None:
        from streamer.cli.support.archive import transcribe_archive

        if realtime:
            raise UsageError("--realtime and --on ray do not go together", "leave one out")
        results.output_options().say_without_effect()
        transcribe_archive(inputs, engine, results, second, archive, one_shot, output_dir)
        return
    files, unreadable = _expand(inputs)
    routing: Optional[Routing] = None
    if realtime or files == [STANDARD_INPUT]:
        from streamer.cli.support.session import choose_routing

        if realtime and output_dir is not None:
            raise UsageError("--realtime and --output-dir do not go together", "leave one out")
        routing = choose_routing(results)
        # A pipe may be live. It gets the live view if its results go to the screen
        # only; data never depend on whether there is a terminal.
        written = routing.writer_prints or results.output is not None or output_dir is not None
        if not realtime and (written or archive.piece_s or not routing.live):
            routing = None
    if routing is not None and archive.piece_s is not None:
        raise UsageError("--piece and --realtime do not go together", "leave one out")
    shown = routing is not None and routing.live
    transcriber = engine.transcriber(
        one_utterance=one_shot,
        partials=results.wants_partials(shown),
        hints=results.hints(),
        **results.written_form(),
        **second.arguments(),
    )
    with transcriber:
        if not shown:
            results.output_options().say_without_effect()
        if routing is not None:
            _follow(transcriber, files, results, routing, realtime, rate, channels)
        else:
            folder = None if output_dir is None else Path(output_dir)
            batch = _Batch(
                transcriber, files, results, folder, rate, channels, archive.piece_s, unreadable
            )
            batch.run()


def _expand(inputs: Sequence[str]) -> tuple[list[str], int]:
    """Replace folders by the recordings in them.

    Returns:
        The names, and how many folders could not be used; each has been reported.
    """
    if inputs.count(STANDARD_INPUT) > 1:
        raise UsageError("standard input is given twice", "give - once")
    files: list[str] = []
    failures: list[str] = []
    for name in inputs:
        if name == STANDARD_INPUT or not _is_folder(name):
            files.append(name)
            continue
        from streamer.output import expand_inputs

        try:
            files += [str(path) for path in expand_inputs([Path(name)], say, failures.append)]
        except UsageError as error:
            if len(inputs) == 1:
                raise
            failures.append(str(error))
    for message in failures:
        say_error(message)
    return files, len(failures)


def _is_folder(name: str) -> bool:
    try:
        return Path(name).is_dir()
    except (OSError, ValueError):  # whoever reads it reports why
        return False


def _paths(files: Sequence[str]) -> list[Path]:
    return [Path(name) for name in files if name != STANDARD_INPUT]


def _follow(
    transcriber: Transcriber,
    files: Sequence[str],
    results: ResultOptions,
    routing: Routing,
    realtime: bool,
    rate: int,
    channels: int,
) -> None:
    """Transcribe one recording or pipe live, with the live view on a terminal."""
    from streamer.audio.sources.factory import make_source
    from streamer.cli.support.session import LiveSession

    if len(files) > 1:
        raise UsageError("--realtime plays one recording", "give one file")
    source = make_source(files[0], realtime, rate, channels)
    opened = "playing:" if realtime else "listening:"
    LiveSession(transcriber, results, routing).run(
        lambda on_open: transcriber.run(source, on_open, stats=routing.live or None),
        opened,
        _paths(files),
    )
    say_remark(source)


class _Batch:
    """Recordings one after the other; an unreadable one does not stop the rest.

    Args:
        transcriber: the source of events.
        files: names, or - for standard input.
        results: what to write, and where.
        folder: for one transcript per recording; None for standard output.
        rate: sample rate of raw standard input, in Hz.
        channels: channels of raw standard input.
        piece_s: length of the pieces of long recordings, in seconds; None for whole ones.
        unreadable: inputs that could not be read so far.

    Raises:
        UsageError: options that do not go together.
    """

    def __init__(
        self,
        transcriber: Transcriber,
        files: Sequence[str],
        results: ResultOptions,
        folder: Optional[Path],
        rate: int,
        channels: int,
        piece_s: Optional[float] = None,
        unreadable: int = 0,
    ) -> None:
        if folder is not None and results.output is not None:
            raise UsageError("--output and --output-dir do not go together", "leave one out")
        formats = [results.stream_format, results.output_options().file_format]
        timed = [name for name in formats if name in ("srt", "vtt")]
        if len(files) > 1 and folder is None and timed:
            raise UsageError(
                f"{len(files)} recordings do not fit into one {timed[0]} file",
                "give --output-dir FOLDER",
            )
        self._transcriber = transcriber
        self._files = files
        self._results = results
        self._folder = folder
        self._rate = rate
        self._channels = channels
        self._unreadable = unreadable
        self._stopping: Callable[[], bool] = lambda: False
        self._failed = self._no_outputs_left = False
        self._engine: Transcriber | InPieces = transcriber
        if piece_s is not None:
            self._engine = InPieces(transcriber, piece_s, lambda: self._stopping())

    def run(self) -> None:
        """Transcribe all recordings.

        Raises:
            StreamerError: no model can be loaded, or results cannot be written.
            typer.Exit: with code 1, if recordings could not be read or results not written; with
                128 and the signal's number, if one left recordings unfinished.
        """
        from streamer.audio.native_stderr import native_messages_hidden
        from streamer.cli.support.progress_bar import ProgressBar
        from streamer.cli.support.session import data_stream
        from streamer.cli.support.signals import GracefulShutdown, discard_standard_output
        from streamer.output.streams import ReaderStalledError

        targets = self._targets()
        unfinished = False
        with native_messages_hidden(), GracefulShutdown(self._transcriber.stop) as shutdown:
            self._stopping = lambda: shutdown.requested or self._no_outputs_left
            try:
                common = None
                with ExitStack() as stack:
                    progress = stack.enter_context(ProgressBar(len(self._files)))
                    if self._folder is None:
                        stream = data_stream(self._stopping, self._results)
                        common = stack.enter_context(self._outputs(stream, None))
                    for name, target in zip(self._files, targets):
                        if not self._stopping():
                            self._transcribe(name, target, common, progress)
                        # A pipe may go on for ever; to end it is no fault.
                        unfinished |= shutdown.requested and name != STANDARD_INPUT
            except ReaderStalledError:  # nobody has read the named pipe so far
                unfinished = True
            except BrokenPipeError:
                discard_standard_output()
            finally:
                if common is not None:
                    self._note_failures(common)
        if unfinished or (common is not None and common.stalled):
            raise typer.Exit(shutdown.exit_code)
        if self._unreadable or self._failed:
            raise typer.Exit(1)

    def _note_failures(self, outputs: Outputs) -> None:
        """Print the words that could not be written; the other recordings are left out then."""
        outputs.say_unsaved()
        self._failed |= outputs.failed
        self._no_outputs_left |= outputs.no_outputs_left

    def _targets(self) -> list[Optional[Path]]:
        if self._folder is None:
            return [None] * len(self._files)
        from streamer.output import output_paths

        names = [Path("standard-input" if n == STANDARD_INPUT else n) for n in self._files]
        return list(output_paths(self._folder, names, self._results.stream_format))

    def _outputs(self, stream: object, target: Optional[Path]) -> Outputs:
        from streamer.cli.support.outputs import Outputs

        options = self._results.output_options()
        if target is not None:
            options = replace(options, output=target, format=self._results.stream_format)
        return Outputs(
            options,
            stream,  # type: ignore[arg-type]
            warn,
            _paths(self._files),
            ending=lambda: self._stopping(),
        )

    def _transcribe(
        self, name: str, target: Optional[Path], common: Optional[Outputs], progress: ProgressBar
    ) -> None:
        """Transcribe one recording; report and count it if it cannot be read."""
        from streamer.audio.sources.factory import make_source
        from streamer.cli.support.session import say_event

        heard = False
        try:
            with ExitStack() as stack:
                source = make_source(name, False, self._rate, self._channels)
                events = self._events(source, name, progress)
                # A recording that cannot be read leaves an older transcript as it is.
                first = [] if common is not None else list(islice(events, 1))
                outputs = common or self._outputs(None, target)
                if common is None:
                    stack.callback(self._note_failures, outputs)
                    stack.enter_context(outputs)
                named = common is None or len(self._files) == 1
                stack.callback(progress.end)
                for event in chain(first, events):
                    if common is not None and not named:
                        common.begin_file(name)
                        named = True
                    heard = heard or (isinstance(event, Final) and bool(event.text))
                    with progress.hidden():
                        for shown in outputs.write(event):
                            say_event(shown)
                    if outputs.no_outputs_left:
                        self._no_outputs_left = True
                        self._transcriber.stop()
                    progress.at(self._engine.heard_s)
        except AudioError as error:
            self._unreadable += 1
            say_error(str(error))
        else:
            say_remark(source)
            if not heard and not self._stopping():
                say(f"nothing was heard in {source.name}")

    def _events(self, source: Source, name: str, progress: ProgressBar) -> Iterator[Event]:
        """Yield the events of a recording.

        Raises:
            AudioError: whatever is wrong with this recording.
            StreamerError: the model cannot be loaded.
        """

        def opened(source: Source) -> None:
            progress.begin(source)
            if self._stopping():  # perhaps before there was anything to stop
                self._transcriber.stop()

        try:
            yield from self._engine.run(source, opened)
        except StreamerError:
            raise
        except Exception as error:
            _ = self._transcriber.about  # raises if it is the model that failed
            if is_out_of_memory(error):
                raise AudioError(f"not enough memory for {name}", MORE_MEMORY) from error
            raise AudioError(
                f"{name} cannot be transcribed ({type(error).__name__}: {error})",
                "report it, with the recording if you can",
            ) from error


def say_remark(source: Source) -> None:
    """Print what the user should know about a recording, if there is anything."""
    remark = getattr(source, "remark", "")
    if remark:
        warn(remark)


def register(app: typer.Typer) -> None:
    """Add ``streamer transcribe`` to the command line."""
    app.command("transcribe")(transcribe)
