"""Writers: from events to text, JSON lines and subtitles, each line out as soon as it is known."""

from streamer.output.edit import Edit
from streamer.output.files import OutputFile, expand_inputs, output_paths
from streamer.output.on_final import CommandPerFinal
from streamer.output.writers import (
    FORMATS,
    SUFFIXES,
    Item,
    Writer,
    create_writer,
    standard_output,
)

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "CommandPerFinal",
    "Edit",
    "Item",
    "OutputFile",
    "Writer",
    "create_writer",
    "expand_inputs",
    "output_paths",
    "standard_output",
]
