"""The commands and options that the environment and the config file may set.

Commands are inspected as Typer built them. Click's types are never imported:
newer versions of Typer carry their own Click, older ones use the public one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

#: Names of a command from the root: ``("models", "pull")``.
CommandPath = tuple[str, ...]

#: Commands that transcribe or write words, or check whether that would work. They share
#: option names; those of other commands, such as ``train``, mean other things.
SPEECH_COMMANDS = ("listen", "transcribe", "demo", "write", "doctor", "bench")
#: The main command, listed first.
MAIN_COMMAND: CommandPath = ("listen",)
#: Options that request an action and set nothing.
_ACTIONS = ("help", "version", "install-completion", "show-completion")


def walk(command: Any, path: CommandPath = ()) -> Iterator[tuple[CommandPath, Any]]:
    """Yield a command and all commands below it, each with its path."""
    yield path, command
    for name, each in getattr(command, "commands", {}).items():
        yield from walk(each, (*path, name))


def commands_with_options(command: Any) -> list[tuple[CommandPath, Any]]:
    """Return the subcommands that have options, `MAIN_COMMAND` first."""
    found = [(path, each) for path, each in walk(command) if path and list(options(each))]
    return sorted(found, key=lambda entry: entry[0] != MAIN_COMMAND)


def is_speech(path: CommandPath) -> bool:
    """Return whether a command is one of `SPEECH_COMMANDS`."""
    return bool(path) and path[0] in SPEECH_COMMANDS


def options(command: Any) -> Iterator[Any]:
    """Yield the options of a command that can be set outside of the command line."""
    if command.name == "config":
        return
    for param in command.params:
        if param.param_type_name == "option" and key(param) not in _ACTIONS:
            yield param


def key(param: Any) -> str:
    """Return an option's name in the config file: its longest form, without dashes."""
    return str(max(param.opts, key=len)).lstrip("-")
