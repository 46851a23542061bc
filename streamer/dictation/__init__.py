"""Dictation: spoken commands, capitals, numbers, typing into other windows."""

from streamer.dictation.commands import Command, CommandTable, Kind, load_commands
from streamer.dictation.focused_program import focused_program
from streamer.dictation.formatter import Dictated, DictationFormatter, PlainFormatter
from streamer.dictation.numbers import NumberWriter, create_number_writer
from streamer.dictation.rewriting import EventRewriter
from streamer.dictation.typist import Typist
from streamer.dictation.virtual_keyboard import find_virtual_keyboard

__all__ = [
    "Command",
    "CommandTable",
    "Dictated",
    "DictationFormatter",
    "EventRewriter",
    "Kind",
    "NumberWriter",
    "PlainFormatter",
    "Typist",
    "create_number_writer",
    "find_virtual_keyboard",
    "focused_program",
    "load_commands",
]
