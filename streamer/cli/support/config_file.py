"""The config file: where it is, how it is read, and its template.

It is TOML. Keys are options without their dashes: those at the top apply to
every command that transcribes, those in a table to that command only::

    model = "english"
    beam = 64

    [transcribe]
    format = "srt"

    [train]
    steps = 1000

Options of other commands (``train``, ``convert`` and so on) can be set in tables
only. The command line and the environment take precedence over the file.
"""

from __future__ import annotations

import enum
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import platformdirs

from streamer.cli.support.command_tree import (
    MAIN_COMMAND,
    CommandPath,
    commands_with_options,
    is_speech,
    key,
    options,
    walk,
)
from streamer.cli.support.environment import CONFIG_VARIABLE
from streamer.cli.support.home import expand
from streamer.errors import UsageError
from streamer.untrusted.user_files import parse_toml, read_user_text

#: Arguments that must work while the config file is broken, since they help to fix it.
_ALWAYS = ("config", "--help", "--version", "--install-completion", "--show-completion")
_TODO = "fix it with: streamer config --edit"


def config_path() -> Path:
    """Return the path of the config file, whether or not it exists."""
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(expand(named))
    return platformdirs.user_config_path("streamer", appauthor=False) / "config.toml"


def config_folder() -> Path:
    """Return the folder of the config file and of the user's other tables."""
    return config_path().parent


def defaults_for(command: Any, arguments: Sequence[str]) -> dict[str, Any]:
    """Return the config file as the ``default_map`` of a command tree.

    Args:
        command: as returned by `typer.main.get_command`.
        arguments: the command line. If it helps to fix a broken file, such a
            file counts as empty.

    Raises:
        UsageError: the file is not valid; names file and line.
    """
    try:
        return load_defaults(command, config_path())
    except UsageError:
        if any(argument in _ALWAYS for argument in arguments):
            return {}
        raise


def load_defaults(command: Any, path: Path) -> dict[str, Any]:
    """Read a config file and validate every entry against its option.

    Args:
        command: as returned by `typer.main.get_command`.
        path: the file; a missing one is empty.

    Returns:
        Click's ``default_map``: values of the root's options by parameter, and
        for each subcommand a map of the same kind.

    Raises:
        UsageError: the file cannot be read, is not TOML, or has an entry that
            no command accepts; names file and line.
    """
    try:
        text = read_user_text(path)  # perhaps /dev/null
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"cannot read the config file {path} ({error.strerror})", _TODO) from error
    try:
        entries = parse_toml(text)
    except ValueError as error:
        raise UsageError(f"the config file {path} is not valid TOML: {error}", _TODO) from error
    return _ConfigFile(path, text).defaults(command, entries)


class _ConfigFile:
    """Validates entries; keeps the text, to find the line of an invalid one."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = text.splitlines()

    def defaults(self, command: Any, entries: dict[str, Any]) -> dict[str, Any]:
        """Return the ``default_map`` for parsed entries."""
        commands = dict(walk(command))
        maps: dict[CommandPath, dict[str, Any]] = {path: {} for path in commands}
        shared = {k: v for k, v in entries.items() if not isinstance(v, dict)}
        for name, value in shared.items():
            found = [
                (path, param)
                for path, each in commands.items()
                for param in options(each)
                if key(param) == name and is_speech(path)
            ]
            if not found:
                what = f"no command that turns speech into text has an option --{name}"
                raise self._error((), name, what)
            for path, param in found:
                maps[path][param.name] = self._checked((), name, commands[path], param, value)
        self._read_tables(commands, (), {k: v for k, v in entries.items() if k not in shared}, maps)
        for path in sorted((p for p in maps if p), key=len, reverse=True):
            maps[path[:-1]][path[-1]] = maps[path]
        return maps[()]

    def _read_tables(
        self,
        commands: dict[CommandPath, Any],
        above: CommandPath,
        entries: dict[str, Any],
        maps: dict[CommandPath, dict[str, Any]],
    ) -> None:
        """Read the tables of commands, nested ones included."""
        for name, value in entries.items():
            if isinstance(value, dict):
                path = (*above, name)
                if path not in commands:
                    raise self._error(path, None, f"there is no command {' '.join(path)!r}")
                self._read_tables(commands, path, value, maps)
                continue
            for param in options(commands[above]):
                if key(param) == name:
                    checked = self._checked(above, name, commands[above], param, value)
                    maps[above][param.name] = checked
                    break
            else:
                raise self._error(above, name, f"{' '.join(above)} has no option --{name}")

    def _checked(self, table: CommandPath, name: str, command: Any, param: Any, value: Any) -> Any:
        """Return a value after checking that its option accepts it; flags take booleans."""
        flag = getattr(param, "is_flag", False)
        if flag != isinstance(value, bool):
            wanted = "true or false" if flag else "a value, not true or false"
            raise self._error(table, name, f"{name} takes {wanted}")
        if isinstance(value, list) != (param.multiple or param.nargs != 1):
            wanted = "one value, not a list" if isinstance(value, list) else "a list: [...]"
            raise self._error(table, name, f"{name} takes {wanted}")
        try:
            param.process_value(command.context_class(command), value)
        except Exception as error:
            message = getattr(error, "message", str(error)).rstrip(".")
            raise self._error(table, name, f"{name}: {message}") from error
        return value

    def _error(self, table: CommandPath, name: Optional[str], what: str) -> UsageError:
        return UsageError(f"{self._path}, line {self._line(table, name)}: {what}", _TODO)

    def _line(self, table: CommandPath, name: Optional[str]) -> int:
        """Return the line of an entry (of a table, without a name), which TOML readers omit."""
        heading_name = r"\s*\.\s*".join(rf"""["']?{re.escape(part)}["']?""" for part in table)
        heading = re.compile(rf"\s*\[\s*{heading_name}\b")
        begin = 0
        if table:
            begin = next((i for i, line in enumerate(self._lines) if heading.match(line)), 0)
        if name is not None:
            entry = re.compile(rf"""\s*["']?{re.escape(name)}["']?\s*=""")
            for number in range(begin, len(self._lines)):
                if entry.match(self._lines[number]):
                    return number + 1
        return begin + 1


def template(command: Any) -> str:
    """Return a config file that lists every option, commented out, with its default."""
    lines = [
        "# streamer's config file. Remove the # in front of an option to set it.",
        "# Options at the top apply to every command that turns speech into text,",
        "# those below [command] to that command only.",
    ]
    seen: list[str] = []
    for path, each in commands_with_options(command):
        speech = is_speech(path)
        fresh = [param for param in options(each) if not speech or key(param) not in seen]
        if not fresh:
            continue
        if path != MAIN_COMMAND:
            lines += ["", f"[{'.'.join(path)}]"]
        for param in fresh:
            if speech:
                seen.append(key(param))
            about = " ".join((param.help or "").split())
            lines += ["", f"# {about}"] if about else [""]
            default = param.default if not callable(param.default) else None
            if default is None and param.multiple:
                default = []
            value = "" if default is None else format_toml(default)
            lines.append(f"#{key(param)} = {value}".rstrip())
    return "\n".join(lines) + "\n"


def format_toml(value: Any) -> str:
    """Format an option's value as TOML."""
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(format_toml(each) for each in value) + "]"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    escaped = re.sub(r"[\x00-\x1f\x7f]", lambda m: f"\\u{ord(m.group()):04x}", escaped)
    return f'"{escaped}"'
