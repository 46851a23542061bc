"""Dictation: spoken commands, typing into other windows."""

from streamer.dictation.clipboard import Clipboard, ClipboardKeyboard, find_clipboard
from streamer.dictation.commands import Command, CommandTable, Kind, load_commands
from streamer.dictation.focused_program import focused_program, focused_window
from streamer.dictation.rewriting import EventRewriter, PlainEdits
from streamer.dictation.typist import Typist
from streamer.dictation.virtual_keyboard import find_virtual_keyboard

__all__ = [
    "Clipboard",
    "ClipboardKeyboard",
    "Command",
    "CommandTable",
    "EventRewriter",
    "Kind",
    "PlainEdits",
    "Typist",
    "find_clipboard",
    "find_virtual_keyboard",
    "focused_program",
    "focused_window",
    "load_commands",
]
