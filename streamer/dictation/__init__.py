"""Dictation: spoken commands, capitals, numbers, and typing into other windows."""

from streamer.dictation.commands import Command, CommandTable, Kind, load_commands
from streamer.dictation.formatter import Dictated, DictationFormatter, PlainFormatter
from streamer.dictation.numbers import NumberWriter, create_number_writer
from streamer.dictation.rewriting import Dictation
from streamer.dictation.typist import Typing, find_typist

__all__ = [
    "Command",
    "CommandTable",
    "Dictated",
    "Dictation",
    "DictationFormatter",
    "Kind",
    "NumberWriter",
    "PlainFormatter",
    "Typing",
    "create_number_writer",
    "find_typist",
    "load_commands",
]
