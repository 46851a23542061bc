"""A live stream from start to shutdown: events, outputs, the live view, signals."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Callable, Optional, TextIO

import typer

from streamer.audio.native_stderr import native_messages_hidden
from streamer.cli.support.held_words import HeldWords
from streamer.cli.support.messages import say, warn
from streamer.cli.support.outputs import Outputs
from streamer.cli.support.signals import GracefulShutdown, discard_standard_output
from streamer.errors import OutputError, StreamerError, UsageError
from streamer.events import Close, Event, Final, Gap, Notice, Partial
from streamer.output import standard_output

if TYPE_CHECKING:
    from pathlib import Path

    from streamer.audio.sources.source import Source
    from streamer.cli.support.options import ResultOptions
    from streamer.cli.support.remote import RemoteControl
    from streamer.terminal import LiveView, Routing, ViewInfo
    from streamer.transcriber import Transcriber


def data_stream(ending: Callable[[], bool], results: ResultOptions) -> Optional[TextIO]:
    """Return standard output for data; None if it is closed and results go elsewhere.

    Args:
        ending: whether the program shall end, even if the reader is stalled.
        results: where results go.

    Raises:
        OutputError: it is closed, and results go nowhere else.
    """
    if sys.stdout is not None:
        return standard_output(ending)
    if results.output is not None or results.on_final is not None or results.type:
        return None
    raise OutputError("standard output is closed", "do not close it, or use --output FILE")


def choose_routing(results: ResultOptions) -> Routing:
    """Return who prints what of a live stream.

    Data that go to a file (``--output``) leave the terminal to the live view.
    """
    from streamer.terminal.routing import route_streams
    from streamer.terminal.tty.streams import is_terminal

    format = results.stream_format
    filed = results.output is not None
    plain = results.stdout or results.plain
    routing = route_streams("text" if filed else format, plain)
    shown = is_terminal(sys.stdout) and is_terminal(sys.stderr) and not plain
    if shown and format != "text" and not filed:
        say(f"{format} is written to the terminal; -o FILE.{format} keeps the live view instead")
    return routing


class LiveSession:
    """A live stream on a terminal or in a pipe.

    Args:
        transcriber: the source of events.
        results: what to write, and where.
        routing: who prints what.
        remote: how a desktop controls it; None for recordings.

    Attributes:
        last: the last event.
        on_screen_ms: p50 and p95 of the time from the last sample of a chunk to
            its words on the screen; None if nothing was drawn.
    """

    def __init__(
        self,
        transcriber: Transcriber,
        results: ResultOptions,
        routing: Routing,
        remote: Optional[RemoteControl] = None,
    ) -> None:
        self._transcriber = transcriber
        self._remote = remote
        self._results = results
        self._routing = routing
        self._loading = True
        self._view: Optional[LiveView] = None
        self._info: ViewInfo
        self._held = HeldWords()
        self.last: Optional[Event] = None
        self.on_screen_ms: Optional[tuple[float, float]] = None

    def run(
        self,
        start: Callable[[Callable[[Source], None]], Iterator[Event]],
        opened: str,
        inputs: Sequence[Path] = (),
    ) -> None:
        """Run a stream to its end.

        Args:
            start: starts the stream; gets a callback for when it is open.
            opened: what to print then, followed by the name of the source.
            inputs: recordings, which must not be overwritten.

        Raises:
            StreamerError: an error that the user can fix; all events before it
                have been written.
            typer.Exit: with 128 and the signal's number, if standard output was
                given up at a signal; with 1, if it or the file could not be written.
        """
        transcriber = self._transcriber
        shutdown = GracefulShutdown(transcriber.stop)
        stream = None
        if self._routing.writer_prints:
            stream = data_stream(lambda: shutdown.requested, self._results)
        shown = not self._routing.writer_prints
        outputs = Outputs(
            self._results.output_options(), stream, warn, inputs, shown, lambda: shutdown.requested
        )

        def opened_source(source: Source) -> None:
            self._open(source, opened)
            if self._remote is not None:
                self._remote.opened(source, self._view)
                if self._remote.paused and self._view is not None:
                    # No event comes before the first start.
                    threading.Thread(target=self._load_quietly, daemon=True).start()
            if shutdown.requested:  # perhaps before there was anything to stop
                transcriber.stop()

        with native_messages_hidden(), shutdown:
            try:
                if self._routing.live:
                    self._begin_view()
                with outputs, self._remote or contextlib.nullcontext():
                    for event in start(opened_source):
                        self._handle(outputs, event)
            except BrokenPipeError:
                discard_standard_output()
            finally:
                transcriber.close()
                if self._view is not None:
                    self._view.close()
                    self.on_screen_ms = self._view.on_screen_ms
                outputs.say_unsaved()
        if outputs.stalled:
            raise typer.Exit(shutdown.exit_code)
        if outputs.failed:
            raise typer.Exit(1)

    def _begin_view(self) -> None:
        """Start the live view, before the source is open and the model loaded."""
        from streamer.cli import first_frame
        from streamer.terminal import LiveView, ViewActions, ViewInfo, open_keyboard
        from streamer.text.joining import PARAGRAPH_AFTER_S

        self._info = ViewInfo(paragraph_s=PARAGRAPH_AFTER_S, saved_in=self._saved_in())
        transcriber, remote = self._transcriber, self._remote
        self._view = LiveView(
            self._info,
            ViewActions(
                pause=lambda: self._pause(remote.pause_now if remote else transcriber.pause),
                resume=lambda: self._pause(remote.start if remote else transcriber.resume),
                end_utterance=transcriber.end_utterance,
                quit=transcriber.stop,
                undo=lambda _: self._changed("undone"),
                edit=lambda _: self._changed("changed"),
                save=_save,
                remember=self._results.replacements.learn,
            ),
            self._results.timestamps,
            keyboard=open_keyboard(),
            prints_finals=self._routing.view_prints_finals,
            theme=self._results.theme and self._results.theme.value,
            loading=True,
        )
        self._view.start()
        first_frame.take_over()

    def _open(self, source: Source, opened: str) -> None:
        """Print the name of an opened source, or show it in the live view."""
        if self._view is None:
            say(f"{opened} {source.name}")
            return
        microphone = hasattr(source, "pause")
        self._info = replace(
            self._info,
            device=source.name,
            rate_hz=round(getattr(source, "opened_rate_hz", 0)),
            microphone=microphone,
            doing="listening" if microphone else opened.rstrip(":"),
        )
        self._view.opened(self._info)

    def _load(self) -> None:
        """Tell the live view that the model is loaded."""
        self._loading = False
        if self._view is None:
            return
        about = self._transcriber.about
        self._info = replace(
            self._info,
            rate_hz=about.rate_hz,
            model=about.model,
            backend=about.backend,
            compute_unit=about.compute_unit,
            doubtful=about.doubtful,
        )
        self._view.loaded(self._info)

    def _load_quietly(self) -> None:
        """Wait for the model; if it cannot be loaded, the stream says so."""
        with contextlib.suppress(StreamerError):
            self._load()

    def _pause(self, action: Callable[[], None]) -> None:
        """Pause or resume, if the source can."""
        source = self._transcriber.source
        early = source is None and self._remote is not None  # the remote does it once it is open
        if not early and not hasattr(source, "pause"):
            raise UsageError("this source cannot be paused", "q ends it")
        action()

    def _saved_in(self) -> str:
        """Return where the transcript is written besides the screen; empty for nowhere."""
        if self._results.output is not None:
            return str(self._results.output)
        return "standard output" if self._routing.writer_prints else ""

    def _handle(self, outputs: Outputs, event: Event) -> None:
        self.last = event
        if self._loading:
            self._load()
        written = (Final, Close, Partial) if self._results.partials else (Final, Close)
        if self._view is not None and isinstance(event, written):
            self._view.make_room()
        for shown in outputs.write(event):
            if self._remote is not None:
                self._remote.receive(shown)
            if self._view is not None:
                self._view.write(self._held.show(shown))
            else:
                say_event(shown)
        if outputs.stop_requested:
            self._transcriber.stop()

    def _changed(self, how: str) -> None:
        """Tell the user where a line remains as it was."""
        assert self._view is not None
        if self._saved_in():
            self._view.say(f"{how} here; lines written elsewhere stay")


def say_event(event: Event) -> None:
    """Print warnings and gaps, if no live view shows them."""
    if isinstance(event, Notice):
        warn(f"{event.what} - {event.todo}")
    elif isinstance(event, Gap):
        say(f"gap: {event.end - event.start:.2f} s were lost at {event.start:.2f} s")


def _save(text: str) -> str:
    from pathlib import Path

    from streamer.terminal import save_transcript

    return save_transcript(text, Path.cwd()).name
