"""``streamer write``: spoken words on standard input, written text on standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Union

import typer

from streamer.cli.support.option_groups import with_options
from streamer.cli.support.options import WritingSwitches
from streamer.errors import OutputError, UsageError
from streamer.printable import printable

if TYPE_CHECKING:
    from streamer.text.writing import DictationWriter, TextWriter

#: Longest line that is read as one: an hour of speech has 60,000 bytes.
_MAX_LINE_BYTES = 1 << 20


@with_options
def write(writing: WritingSwitches) -> None:
    """Write spoken words as text: an utterance a line in, a paragraph a line out.

    A bar (|) stands for a pause; an empty line begins a paragraph.
    """
    from streamer.text.model import load_text_model
    from streamer.text.options import writing_options
    from streamer.text.writing import DictationWriter, TextWriter
    from streamer.text.written import WrittenForm

    form = WrittenForm(load_text_model(), writing_options(**writing.written_form()))
    if not writing.dictation:
        _filter(TextWriter(form))
        return
    from streamer.cli.support.config_file import config_folder
    from streamer.dictation import load_commands

    _filter(DictationWriter(form, load_commands(config_folder()).find))


def _filter(writer: Union[TextWriter, DictationWriter]) -> None:
    if sys.stdin is None:
        raise UsageError("standard input is closed", "give it words: streamer write < words.txt")
    output = sys.stdout
    if output is None:
        raise OutputError("standard output is closed", "send it to a file or a pipe")
    begun = False
    for line in _lines():
        text = writer.line(line)
        begun = begun or bool(text)
        if not line.split() or writer.stopped:
            end = writer.end()
            text += end + ("\n" if begun or end else "")
            begun = False
        output.write(text)
        output.flush()
        if writer.stopped:
            break


def _lines() -> Iterator[str]:
    """Yield the lines of standard input and an empty one.

    What is not UTF-8 is replaced, what controls terminals escaped, and a line without an end cut.
    """
    while line := sys.stdin.buffer.readline(_MAX_LINE_BYTES):
        text = line.decode("utf-8", errors="replace")
        yield " ".join(map(printable, text.split()))
    yield ""


def register(app: typer.Typer) -> None:
    """Add ``streamer write`` to the command line."""
    app.command("write")(write)
