"""Distribution of events to all outputs.

The one place for ``--format``, ``--output``, ``--on-final``, ``--dictation`` and
``--type``, so that all commands treat them alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Optional, TextIO, Union

from streamer.cli.support.config_file import config_folder
from streamer.cli.support.messages import say, say_error
from streamer.cli.support.unsaved import Unsaved
from streamer.errors import OutputError, UsageError, system_reason
from streamer.events import Event
from streamer.output import (
    FORMATS,
    SUFFIXES,
    CommandPerFinal,
    Edit,
    Filter,
    Item,
    OutputFile,
    Writer,
    create_writer,
)
from streamer.output.streams import ReaderStalledError
from streamer.text.options import WritingOptions

# Dictation and typing are imported where they are asked for: they need NumPy, and the
# live view should be there before it.
if TYPE_CHECKING:
    from streamer.dictation import EventRewriter, PlainEdits, Typist
    from streamer.dictation.virtual_keyboard import VirtualKeyboard

#: Formats by suffix of the file.
FILE_FORMATS = {
    **{suffix: name for name, suffix in SUFFIXES.items() if name != "text"},
    ".json": "jsonl",
    ".ndjson": "jsonl",
}
_NOT_TEXT = frozenset(
    [".doc", ".docx", ".odt", ".rtf", ".pdf", ".html", ".xml", ".csv", ".tsv", ".ass", ".ssa",
     ".sub", ".sbv", ".ttml", ".wav", ".mp3", ".flac"]
)  # fmt: skip


@dataclass(frozen=True)
class OutputOptions:
    """Options for the results.

    Attributes:
        format: one of `FORMATS`; None means text, or for ``output`` the format
            of its suffix.
        partials: whether partials are written; None leaves it to the format.
        timestamps: whether lines of text start with their times.
        output: a file that gets a copy of everything.
        on_final: a command to run for each final.
        pipe: a filter that each final goes through.
        dictation: whether spoken commands are carried out.
        type: whether text is typed into the focused window.
        allow_typing: whether this is allowed without asking.
        no_enter: whether it types line breaks as spaces.
        clipboard: ``each`` copies each final to the clipboard, ``all`` everything at the end.
    """

    format: Optional[str] = None
    partials: Optional[bool] = None
    timestamps: bool = False
    output: Optional[Path] = None
    on_final: Optional[str] = None
    pipe: Optional[str] = None
    dictation: bool = False
    type: bool = False
    writing: WritingOptions = field(default_factory=WritingOptions)
    allow_typing: bool = False
    no_enter: bool = False
    clipboard: Optional[str] = None

    def check(self) -> None:
        """Check the format, and what goes together.

        Raises:
            UsageError: the format does not exist, or options contradict each other.
        """
        if self.format is not None and self.format not in FORMATS:
            raise UsageError(f"there is no format {self.format!r}", f"use {', '.join(FORMATS)}")
        if self.pipe is not None and self.dictation:
            raise UsageError("--pipe and --dictation do not go together", "leave one of them out")

    @property
    def stream_format(self) -> str:
        """The format of standard output."""
        return self.format or "text"

    @property
    def file_format(self) -> str:
        """The format of the file: as asked for, or that of its suffix instead of text."""
        if self.output is not None and self.stream_format == "text":
            return FILE_FORMATS.get(self.output.suffix.lower(), self.stream_format)
        return self.stream_format

    def remark(self) -> str:
        """What the user should know about the file's format; empty for nothing."""
        if self.output is None:
            return ""
        suffix, format = self.output.suffix.lower(), self.file_format
        if self.format is not None and format != self.stream_format:
            return f"{self.output} gets {format}, as its name says; standard output {self.format}"
        named = FILE_FORMATS.get(suffix, format)
        if named != format:
            return f"{self.output} gets {format}, as --format says; its name is that of {named}"
        if suffix == ".json":
            return f"{self.output} gets JSON lines, one event a line"
        if suffix in _NOT_TEXT and format == "text":
            return f"{self.output} gets plain text: {suffix} is no format for transcripts"
        return ""

    def say_without_effect(self) -> None:
        """Name the options that change nothing in the formats that are written."""
        formats = sorted({self.stream_format, self.file_format})
        names = " and ".join(formats)
        if self.timestamps and "text" not in formats:
            say(f"--timestamps has no effect: {names} always has times")
        if self.partials and not {"text", "jsonl"}.intersection(formats):
            say(f"--partials has no effect: {names} has finals only")


class Outputs:
    """Writes every event to all outputs; a context manager.

    Files come first: whatever is on the screen is already on the disk.

    Args:
        options: what to write, and where.
        stream: standard output, or None if something else shows the finals.
        warn: called with a one-line warning when an output fails; may be called
            from other threads.
        inputs: the recordings, which must not be overwritten.
        shown: whether something else shows the finals, so that no text is lost with a
            file that cannot be written.
        ending: whether the program shall end; the reader of a named pipe is not waited for then.

    Attributes:
        stalled: whether standard output or a named pipe was given up, because its reader
            took nothing when the program should end.
        failed: whether the file or standard output was given up; the error has been printed.
        no_outputs_left: whether the program shall end, because standard output failed, or the
            last output did.

    Raises:
        UsageError, OutputError: an output is not available or not allowed; nothing
            has been started then.
        ReaderStalledError: nobody reads a named pipe, and the program shall end.
    """

    def __init__(
        self,
        options: OutputOptions,
        stream: Optional[TextIO],
        warn: Callable[[str], None],
        inputs: Sequence[Path] = (),
        shown: bool = False,
        ending: Optional[Callable[[], bool]] = None,
    ) -> None:
        options.check()
        self._edits_written = options.dictation
        marks = options.writing.punctuation or options.dictation
        self._rewriter = _rewriter(options)
        self._filter = None if options.pipe is None else Filter(options.pipe, warn)
        keyboard = _virtual_keyboard(options) if options.type else None
        self._sinks: list[Writer] = []
        self._shown = shown
        self._unsaved = Unsaved()
        self.stalled = self.failed = self.no_outputs_left = False
        self._typist: Optional[Typist] = None
        try:
            if options.output is not None:
                self._sinks.append(
                    OutputFile(
                        options.output,
                        options.file_format,
                        inputs=inputs,
                        partials=options.partials,
                        timestamps=options.timestamps,
                        flowing=options.dictation,
                        marks=marks,
                        warn=warn,
                        ending=ending,
                    )
                )
            if stream is not None:
                self._sinks.append(
                    create_writer(
                        options.stream_format,
                        stream,
                        partials=options.partials,
                        timestamps=options.timestamps,
                        flowing=options.dictation,
                        marks=marks,
                        warn=warn,
                    )
                )
            if options.on_final is not None:
                self._sinks.append(CommandPerFinal(options.on_final, warn, marks))
            if options.clipboard is not None:
                self._sinks.append(_clipboard_writer(options, warn))
            if keyboard is not None:
                from streamer.dictation import (
                    Typist,
                    find_clipboard,
                    focused_program,
                    focused_window,
                )

                self._typist = Typist(
                    keyboard,
                    warn,
                    enter=not options.no_enter,
                    focused_program=focused_program,
                    focused_window=focused_window,
                    say=say,
                    clipboard=find_clipboard(),
                )
        except BaseException:
            self.close()
            raise
        if options.remark():
            say(options.remark())

    @property
    def stop_requested(self) -> bool:
        """Whether the speaker said "stop listening", or nothing can be written any more."""
        said = self._rewriter is not None and self._rewriter.stop_requested
        return said or self.no_outputs_left

    def write(self, event: Event) -> list[Event]:
        """Write an event to all outputs and return it as it should be shown.

        An output that fails is left out from then on; see `no_outputs_left`, `say_unsaved`.

        Raises:
            BrokenPipeError: standard output has been closed by its reader.
        """
        if self._filter is not None:
            event = self._filter.filter(event)
        items: list[Item] = [event] if self._rewriter is None else self._rewriter.rewrite(event)
        shown: list[Event] = []
        for item in items:
            self._unsaved.add(item)
        for item in items:
            if isinstance(item, Edit):
                if self._typist is not None:
                    self._typist.write(item)
                if not self._edits_written:
                    continue
            else:
                shown.append(item)
            self._write_item(item)
        if self._shown:
            self._unsaved.keep(0)
        elif self._sinks:
            self._unsaved.keep(min(sink.finals_waiting for sink in self._sinks))
        return shown

    def begin_file(self, name: str) -> None:
        """Begin one of several recordings; see `Writer.begin_file`."""
        self._for_all(lambda sink: sink.begin_file(name))

    def _write_item(self, item: Item) -> None:
        self._for_all(lambda sink: sink.write(item))

    def _for_all(self, act: Callable[[Writer], None]) -> None:
        """Do something with all outputs; what is stalled or full is left out from then on."""
        gone: Optional[BrokenPipeError] = None
        for sink in [*self._sinks]:
            try:
                act(sink)
            except ReaderStalledError:
                self.stalled = True
                self._sinks.remove(sink)
            except BrokenPipeError as error:  # the others get the text all the same
                gone = error
            except (OutputError, OSError) as error:
                self._give_up(sink, error)
        if gone is not None:
            raise gone

    def _give_up(self, sink: Writer, error: Union[OutputError, OSError]) -> None:
        """Say why an output failed, and go on without it."""
        self._sinks.remove(sink)
        self.failed = True
        self.no_outputs_left |= not self._sinks and not self._shown
        if isinstance(error, OSError):
            self.no_outputs_left = True
            error = OutputError(
                f"cannot write standard output ({system_reason(error)})",
                "free some space, or write to another place",
            )
        say_error(str(error))

    def close(self) -> None:
        """Close all outputs, files first. May be called twice.

        Raises:
            BrokenPipeError: standard output has been closed by its reader.
            StreamerError: typing failed.
        """
        failure: Optional[Exception] = None
        for sink in [*self._sinks]:
            try:
                sink.close()
                self._unsaved.keep(0)
            except ReaderStalledError:
                self.stalled = True
            except BrokenPipeError as error:  # close the others all the same
                failure = failure or error
            except (OutputError, OSError) as error:
                self._give_up(sink, error)
        if self._typist is not None:
            try:
                self._typist.close()
            except Exception as error:
                failure = failure or error
        if failure is not None:
            raise failure

    def say_unsaved(self) -> None:
        """Print the finals that no output has; call it once nothing is drawn any more."""
        self._unsaved.say()

    def __enter__(self) -> Outputs:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _rewriter(options: OutputOptions) -> EventRewriter | PlainEdits | None:
    """Return what makes edits of events; None where nothing needs them."""
    if not options.dictation and not options.type:
        return None
    from streamer.dictation import EventRewriter, PlainEdits, load_commands

    if options.dictation:
        from streamer.text.model import load_text_model
        from streamer.text.written import WrittenForm

        form = WrittenForm(load_text_model(), options.writing)
        # A paragraph in another window would be a key that sends messages.
        return EventRewriter(form, load_commands(config_folder()).find, not options.type)
    return PlainEdits()


def _virtual_keyboard(options: OutputOptions) -> VirtualKeyboard:
    """Return what types into other windows, once that is permitted.

    Where there is no tool for that, it is the clipboard.
    """
    from streamer.cli.support.typing_permission import require_permission
    from streamer.dictation import (
        ClipboardKeyboard,
        find_clipboard,
        find_virtual_keyboard,
        focused_program,
    )

    try:
        keyboard = find_virtual_keyboard()
    except OutputError as error:
        clipboard = find_clipboard()
        if clipboard is None:
            raise
        say(f"{error}; until then, the text goes to the clipboard")
        return ClipboardKeyboard(clipboard)
    require_permission(options.allow_typing, not options.no_enter, focused_program)
    return keyboard


def _clipboard_writer(options: OutputOptions, warn: Callable[[str], None]) -> Writer:
    from streamer.dictation import find_clipboard
    from streamer.dictation.clipboard import INSTALL
    from streamer.dictation.clipboard_writer import ClipboardWriter

    clipboard = find_clipboard()
    if clipboard is None:
        raise OutputError("--clipboard finds no clipboard, or no tool for it", INSTALL)
    return ClipboardWriter(clipboard, warn, options.clipboard == "all", options.dictation)
