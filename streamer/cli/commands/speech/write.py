"""``streamer write``: spoken words on standard input, written text on standard output."""

from __future__ import annotations

import enum
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Optional, Union

import typer

if TYPE_CHECKING:
    from streamer.text.commands import Match, SpokenCommand
    from streamer.text.writing import DictationWriter, TextWriter


class DateOrder(str, enum.Enum):
    """Order of day and month."""

    dmy = "dmy"
    mdy = "mdy"


def write(
    verbatim: bool = typer.Option(False, "--verbatim", help="No marks, capitals or numbers."),
    no_punctuation: bool = typer.Option(False, "--no-punctuation", help="No marks or capitals."),
    no_numbers: bool = typer.Option(False, "--no-numbers", help="Numbers stay words."),
    date_style: DateOrder = typer.Option(
        DateOrder.dmy, "--date-style", help="3 May 1982 (dmy) or May 3, 1982 (mdy)."
    ),
    dictation: bool = typer.Option(
        False, "--dictation", help='Carry out spoken commands, such as "new line".'
    ),
) -> None:
    """Write spoken words as text: an utterance a line in, a paragraph a line out.

    ``|`` stands for a pause; an empty line begins a paragraph.
    """
    from streamer.text.model import load_text_model
    from streamer.text.numbers import DateStyle
    from streamer.text.options import WritingOptions
    from streamer.text.writing import DictationWriter, TextWriter
    from streamer.text.written import WrittenForm

    options = WritingOptions(
        punctuation=not (verbatim or no_punctuation),
        numbers=not (verbatim or no_numbers),
        date_style=DateStyle(date_style.value),
    )
    form = WrittenForm(load_text_model(), options)
    _filter(DictationWriter(form, _commands()) if dictation else TextWriter(form))


def _commands() -> Match:
    """Return a function that finds the commands of the table."""
    from streamer.cli.support.config_file import config_folder
    from streamer.dictation.commands import load_commands
    from streamer.text.commands import SpokenCommand

    table = load_commands(config_folder())

    def match(words: Sequence[str], position: int) -> tuple[Optional[SpokenCommand], int]:
        command, length = table.match(words, position)
        if command is None:
            return None, length
        return SpokenCommand(command.kind.value, command.text), length

    return match


def _filter(writer: Union[TextWriter, DictationWriter]) -> None:
    begun = False
    for line in _lines():
        text = writer.line(line)
        begun = begun or bool(text)
        if not line.split() or writer.stopped:
            end = writer.end()
            text += end + ("\n" if begun or end else "")
            begun = False
        sys.stdout.write(text)
        sys.stdout.flush()
        if writer.stopped:
            break


def _lines() -> Iterator[str]:
    """Yield the lines of standard input and an empty one; what is not UTF-8 is replaced."""
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", errors="replace")
    yield ""


def register(app: typer.Typer) -> None:
    """Add ``streamer write`` to the command line."""
    app.command("write")(write)
