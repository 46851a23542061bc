"""Dictation: spoken commands, typing into other windows."""

from streamer.dictation.commands import Command, CommandTable, Kind, load_commands
from streamer.dictation.focused_program import focused_program
from streamer.dictation.rewriting import EventRewriter, PlainEdits
from streamer.dictation.typist import Typist
from streamer.dictation.virtual_keyboard import find_virtual_keyboard

__all__ = [
    "Command",
    "CommandTable",
    "EventRewriter",
    "Kind",
    "PlainEdits",
    "Typist",
    "find_virtual_keyboard",
    "focused_program",
    "load_commands",
]
