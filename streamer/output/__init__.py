"""Writers of events: text, JSON lines, subtitles; each line is flushed at once."""

from streamer.output.edit import Edit
from streamer.output.files import OutputFile, expand_inputs, output_paths
from streamer.output.filter import Filter
from streamer.output.on_final import CommandPerFinal
from streamer.output.streams import standard_output
from streamer.output.writers import FORMATS, SUFFIXES, Item, Writer, create_writer

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "CommandPerFinal",
    "Edit",
    "Filter",
    "Item",
    "OutputFile",
    "Writer",
    "create_writer",
    "expand_inputs",
    "output_paths",
    "standard_output",
]
