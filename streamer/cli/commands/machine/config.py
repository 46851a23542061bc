"""``streamer config``: every setting and its source; the config file."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from streamer.cli.support.command_tree import (
    MAIN_COMMAND,
    commands_with_options,
    is_speech,
    key,
    options,
)
from streamer.cli.support.config_file import config_path, format_toml, load_defaults, template
from streamer.cli.support.environment import CONFIG_VARIABLE, variable_of
from streamer.cli.support.messages import echo
from streamer.errors import OutputError, UsageError
from streamer.private_files import make_private_folder, private_opener

#: Click's names for where a value came from.
_SOURCES = {
    "COMMANDLINE": "command line",
    "ENVIRONMENT": "environment",
    "DEFAULT_MAP": "config file",
    "DEFAULT": "default",
    "PROMPT": "prompt",
}


def config(
    context: typer.Context,
    path: bool = typer.Option(False, "--path", help="Print the path of the config file."),
    edit: bool = typer.Option(False, "--edit", help="Open the config file in your editor."),
    init: bool = typer.Option(False, "--init", help="Create a config file with every option."),
) -> None:
    """Show every setting and its source, or print, create or edit the config file.

    To see the settings of one command line, append it:
    streamer config transcribe --beam 500
    """
    if path + edit + init > 1:
        raise UsageError("--path, --edit and --init do not go together", "give one of them")
    root = context.find_root()
    file = config_path()
    if path:
        print(file)
    elif init:
        _write_template(file, root.command)
        echo(f"wrote {file}", err=True)
    elif edit:
        if not file.exists():
            _write_template(file, root.command)
        _open_editor(file)
        load_defaults(root.command, file)  # reports errors at once
    else:
        load_defaults(root.command, file)  # errors were ignored so far, for --edit
        _print_settings(root, file, context.args)


@dataclass(frozen=True)
class Setting:
    """An option's value and its source; as a string, a line of TOML."""

    key: str
    value: Any
    source: str

    def __str__(self) -> str:
        if self.value is None or self.value == ():
            entry = f"# {self.key} ="
        else:
            entry = f"{self.key} = {format_toml(self.value)}"
        return f"{entry:<36} # {self.source}"


def settings(command: Any, context: Any, arguments: Sequence[str] = ()) -> list[Setting]:
    """Return the value that each option would have if a command were run now.

    Args:
        command: one of the subcommands.
        context: the root's, with the entries of the config file.
        arguments: options given to the command.

    Raises:
        UsageError: an environment variable has a value that its option does
            not accept.
    """
    sub = command.make_context(
        command.name, list(arguments), parent=context, resilient_parsing=True
    )
    found = []
    for param in options(command):
        source = sub.get_parameter_source(param.name)
        name = "DEFAULT" if source is None else source.name
        if param.hidden and name == "DEFAULT":  # an old name that nobody uses
            continue
        value = sub.params.get(param.name)
        if value is None and name in ("ENVIRONMENT", "COMMANDLINE"):
            # Parsing ignores errors, because arguments may be missing.
            given = param.value_from_envvar(sub) if name == "ENVIRONMENT" else None
            raise UsageError(
                f"--{key(param)} does not accept its value from the {_SOURCES[name]}"
                + (f" ({given!r})" if given is not None else ""),
                f"see: streamer {command.name} --help",
            )
        where = _SOURCES.get(name, name.lower())
        if name == "ENVIRONMENT":
            where += f" {variable_of(param)}"
        found.append(Setting(key(param), value, where))
    return found


def _print_settings(root: Any, file: Path, arguments: Sequence[str]) -> None:
    note = "" if file.exists() else " (does not exist: every option has its default)"
    echo(f"# {file}{note}")
    if arguments:
        command = getattr(root.command, "commands", {}).get(arguments[0])
        if command is None:
            raise UsageError(
                f"there is no command {arguments[0]!r}", "see the commands with: streamer --help"
            )
        for setting in settings(command, root, arguments[1:]):
            echo(setting)
        return
    shown: list[Setting] = []
    for path, command in commands_with_options(root.command):
        context = root
        for name in path[:-1]:  # contexts of the groups in between
            group = context.command.commands[name]
            context = group.make_context(name, [], parent=context, resilient_parsing=True)
        speech = is_speech(path)
        fresh = [s for s in settings(command, context) if not speech or s not in shown]
        if not fresh:
            continue
        if path != MAIN_COMMAND:
            print(f"\n[{'.'.join(path)}]")
        for setting in fresh:
            echo(setting)
        shown += fresh if speech else []


def _write_template(file: Path, command: Any) -> None:
    try:
        make_private_folder(file.parent)
        with open(file, "x", encoding="utf-8", opener=private_opener) as stream:
            stream.write(template(command))
    except FileExistsError as error:
        raise UsageError(
            f"{file} already exists", "open it with: streamer config --edit"
        ) from error
    except OSError as error:
        raise OutputError(
            f"cannot write {file} ({error.strerror})", f"set {CONFIG_VARIABLE} to another path"
        ) from error


def _open_editor(file: Path) -> None:
    import shlex
    import subprocess

    default = "notepad" if sys.platform == "win32" else "vi"
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or default
    try:
        done = subprocess.run([*shlex.split(editor), str(file)], check=False)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"cannot run the editor {editor!r} ({error})", "set EDITOR to another one"
        ) from error
    if done.returncode:
        raise UsageError(f"the editor {editor!r} failed", f"edit {file} yourself")


def register(app: typer.Typer) -> None:
    """Add ``streamer config`` to the command line."""
    app.command(
        "config",
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(config)
